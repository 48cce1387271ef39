"""The guard: publishes verified manifests for a kubelet, or watches over a kubelet's own directory.

A composition root beside the agent's, for a node that has a kubelet and no agent: it shares the agent's source, gates and
reader, and has files where the agent has pods. Only `directory` writes what the kubelet reads; `books` is what must not be
forgotten, `loop` the spine, `run` wires. Nobody below knows it.
"""
