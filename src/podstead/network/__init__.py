"""Gives pods addresses: the CNI configuration, masquerading, host ports, the pinned pod CIDR.

Changes only what it made or says that it changes, and undoes it (`host`); reads the kernel's tables for all else (`fib`,
`node_ip`). Plugins are called by the runtime, never from here; no pod is known here.
"""
