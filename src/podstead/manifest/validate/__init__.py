"""Whether a defaulted Pod may run as a static pod: the rules of Kubernetes' API and of static pods.

One file judges one noun; `pod.validate_pod` asks them all. Every problem of a Pod is found in one pass, as a value
with its field path and Kubernetes' kind (spec/kubelet-static-pods.md 2.3 and 2.4). A message says what stands there,
what is expected and what to write instead, but never a value of env, command, args, a header or an annotation.
"""
