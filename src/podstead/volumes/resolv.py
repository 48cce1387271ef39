"""The name resolution of a pod: the node's resolv.conf, the cluster's DNS and dnsConfig (spec 5.3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.state.runtime import DNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.k8s import core_v1 as v1

MAX_SERVERS = 3
"""The C library reads no more (resolv.conf(5))."""
MAX_SEARCHES = 32
MAX_SEARCH_TEXT = 2048
MAX_DOMAIN = 253
NDOTS = "ndots:5"
"""What Kubernetes gives pods that use the cluster's DNS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DNSWarning:
    """Something for an event of the pod."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDNS:
    """The kubelet's clusterDNS and clusterDomain."""

    servers: tuple[str, ...] = ()
    domain: str = ""


def dns_of(pod: v1.Pod, node_text: str, cluster: ClusterDNS) -> tuple[DNS, tuple[DNSWarning, ...]]:
    """Return what the sandbox's resolv.conf shall hold, and what had to be left out.

    `node_text` is the node's resolv.conf as it stands; empty where resolvConf names no file.
    """
    warnings: list[DNSWarning] = []
    policy = pod.spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and pod.spec.host_network:
        policy = "Default"
    elif policy in {"ClusterFirst", "ClusterFirstWithHostNet"} and not cluster.servers:
        message = (
            f"no clusterDNS is configured: dnsPolicy {policy} uses the node's resolv.conf, as dnsPolicy Default does"
        )
        warnings.append(DNSWarning(reason="MissingClusterDNS", message=message))
        policy = "Default"
    node = parse_resolv(node_text) if node_text else DNS(servers=("127.0.0.1",), searches=(".",))
    if policy == "None":
        base = DNS()
    elif policy == "Default":
        base = node
    else:
        base = _cluster(pod.metadata.namespace or "default", node, cluster)
    return _limited(_with_config(base, pod.spec.dns_config), warnings), tuple(warnings)


def parse_resolv(text: str) -> DNS:
    """Return the servers, the last search list and the options of a resolv.conf.

    Only lines that begin with `#` are comments; a search domain loses its final dot, and `.` alone is dropped; of an
    option given twice the last value holds.
    """
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] == "search":
            searches = tuple(w.removesuffix(".") for w in words[1:] if w != ".")
        elif words[0] == "options":
            options += words[1:]
    return DNS(servers=tuple(servers), searches=searches, options=_by_name(options))


def _cluster(namespace: str, node: DNS, cluster: ClusterDNS) -> DNS:
    searches = node.searches
    if cluster.domain:
        ours = (f"{namespace}.svc.{cluster.domain}", f"svc.{cluster.domain}", cluster.domain)
        searches = _unique((*ours, *node.searches))
    return DNS(servers=cluster.servers, searches=searches, options=(NDOTS,))


def _with_config(base: DNS, config: v1.PodDNSConfig | None) -> DNS:
    if config is None:
        return base
    options = [f"{o.name}:{o.value}" if o.value else o.name or "" for o in config.options]
    return DNS(
        servers=_unique((*base.servers, *config.nameservers)),
        searches=_unique((*base.searches, *config.searches)),
        options=_by_name((*base.options, *options)),
    )


def _limited(dns: DNS, warnings: list[DNSWarning]) -> DNS:
    servers = dns.servers[:MAX_SERVERS]
    if len(servers) < len(dns.servers):
        said = f"more than {MAX_SERVERS} name servers: only {', '.join(servers)} are used"
        warnings.append(DNSWarning(reason="DNSConfigForming", message=said))
    searches: list[str] = []
    for domain in dns.searches:
        fits = len(" ".join((*searches, domain))) <= MAX_SEARCH_TEXT
        if len(domain) <= MAX_DOMAIN and len(searches) < MAX_SEARCHES and fits:
            searches.append(domain)
    left_out = len(dns.searches) - len(searches)
    if left_out:
        limits = f"{MAX_SEARCHES} domains, {MAX_SEARCH_TEXT} characters, {MAX_DOMAIN} each"
        said = f"{left_out} search domains are left out: the limits are {limits}"
        warnings.append(DNSWarning(reason="DNSConfigForming", message=said))
    return DNS(servers=servers, searches=tuple(searches), options=dns.options)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _by_name(options: Iterable[str]) -> tuple[str, ...]:
    return tuple({option.partition(":")[0]: option for option in options}.values())
