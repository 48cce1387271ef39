"""The audit log: what was done on this node, in a chain that nobody changes or cuts unnoticed (docs/adr/0013-audit-log.md).

Rule: `records`, `sealing`, `checkpoint`, `proof`, `allowance`, `alerts` and `cef` are pure: bytes and moments in, values
out. `segments` and `key_file` are the files below ROOT/audit, `log` writes them, `reader` reads them whether an agent
runs or not, and `syslog`, `webhook` and `anchor` carry records and checkpoints away. Nothing here knows a pod or a
runtime; whatever happens here, pods run on.
"""
