"""CEL, as Kubernetes' ValidatingAdmissionPolicy has it: the rules of a policy, evaluated.

The one place that knows the CEL library (docs/adr/0012-cel.md), which is loaded when a policy with rules is read and not
before: it takes 23 MiB. An evaluation ends after so many steps by the library's own count; what a step may cost is not
bounded there, so whoever serves others evaluates in a process that it can end (`judging`).
"""
