"""The name of the node for which a command judges manifests without an agent."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from podstead.cli.options import UsageError
from podstead.k8s.names import dns1123_subdomain

if TYPE_CHECKING:
    from podstead.cli.options import Given


def node_name_of(given: Given) -> str:
    """Return the name that pods would get as a suffix: that of `--node-name`, else the host's. Raises UsageError."""
    name = (given.value("node-name") or socket.gethostname()).strip().lower()
    if (problem := dns1123_subdomain(name)) is not None:
        if given.value("node-name"):
            raise UsageError(f"--node-name {problem}")
        return "node"  # the agent would refuse this host name; that is no fault of a manifest
    return name
