"""The host name of a pod (spec/kubelet-static-pods.md 5.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1

MAX_HOSTNAME = 63
MAX_FQDN = 64
"""The kernel's limit for a host name (HOST_NAME_MAX)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodHostname:
    """`hostname` is what the sandbox gets, empty for the host's own; `domain` completes `short` in the hosts file."""

    hostname: str
    short: str
    domain: str = ""


def hostname_of(pod: v1.Pod, cluster_domain: str = "") -> PodHostname | None:
    """Return the names of a pod, None when setHostnameAsFQDN asks for more than 64 characters.

    With host networking the sandbox keeps the host's name.
    """
    spec = pod.spec
    if spec.host_network:
        return PodHostname(hostname="", short="")
    if spec.hostname_override:
        return PodHostname(hostname=spec.hostname_override, short=spec.hostname_override)
    short = (spec.hostname or pod.metadata.name or "")[:MAX_HOSTNAME].rstrip("-.")
    domain = ""
    if spec.subdomain and cluster_domain:
        domain = f"{spec.subdomain}.{pod.metadata.namespace or 'default'}.svc.{cluster_domain}"
    if not spec.set_hostname_as_fqdn or not domain:
        return PodHostname(hostname=short, short=short, domain=domain)
    full = f"{short}.{domain}"
    return PodHostname(hostname=full, short=short, domain=domain) if len(full) <= MAX_FQDN else None
