"""Gives pods addresses: the CNI configuration, masquerading, host ports, the pinned pod CIDR."""
