"""The Pod Security Standards (kubernetes.io, "Pod Security Standards"): every control of every version, as a table.

Each file holds the controls of one subject, and `controls` the table of them; the module `evaluate` is the way in. Verdicts
are those of Kubernetes' own admission (KEP-2579), the words are ours.
"""
