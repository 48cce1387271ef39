"""The benchmark: Podstead beside the bare CRI calls, `podman kube play` and, where given, a kubelet, in one run.

Every subject runs the same pods from the same image on the same OCI runtime, turn and turn about, so that a machine
that grows busy slows all of them. What is compared are ratios to the bare calls of the same run; absolute times are
of this machine and this hour. `docs/bench.md` tells how to read the table.
"""
