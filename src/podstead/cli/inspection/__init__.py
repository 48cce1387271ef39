"""What `podstead inspect` looks at, and the forms of its report.

`looking` gathers the facts and `signatures` and `pods` what is asked of them; `table`, `documents`, `sarif` and `page` only
write what the report says: no form judges, and each escapes every text that comes from outside.
"""
