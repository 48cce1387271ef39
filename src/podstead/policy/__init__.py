"""What the node's operator allows to run, beyond what Kubernetes accepts: the Pod Security Standards.

Pure: pods in, violations out. What a field means is `manifest`'s; whether the node has room for a pod is `admission`'s; here
stands only what somebody decided to forbid, so nothing here knows the node, the file or the agent.
"""
