"""What the node's operator allows to run, beyond what Kubernetes accepts: levels, exemptions, rules, images, paths.

Pure: a policy and pods in, violations out. What a field means is `manifest`'s; whether the node has room for a pod is
`admission`'s; here stands only what somebody decided to forbid, so nothing here knows the node, the file or the agent. What
must be looked up for a verdict (the date, what a path leads to, who signed) comes in as a value. `document` is the file's
form, `read` makes a `Policy` of it, `judge` holds pods against it; `cel` is the only module that knows the CEL library.
"""
