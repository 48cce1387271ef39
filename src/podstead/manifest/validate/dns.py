"""Rules for host names, DNS and the hosts file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.manifest.validate.findings import quoted
from podstead.manifest.validate.ports import is_ip

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
MAX_NAMESERVERS = 3
MAX_SEARCHES = 32
MAX_SEARCH_CHARS = 2048
HOSTNAME_MAX = 64
"""Longest host name of Linux."""
_SEARCH = re.compile(r"[a-z0-9_](?:[-_a-z0-9]*[a-z0-9_])?(?:\.[a-z0-9_](?:[-_a-z0-9]*[a-z0-9_])?)*")
"""A search domain: a DNS name in which underscores are allowed (relaxed DNS search validation)."""


def validate_dns(spec: v1.PodSpec, found: Findings) -> None:
    """Judge dnsPolicy and dnsConfig."""
    found.one_of("spec.dnsPolicy", spec.dns_policy, DNS_POLICIES)
    config = spec.dns_config
    if spec.dns_policy == "None" and (config is None or not config.nameservers):
        found.required("spec.dnsConfig.nameservers", "dnsPolicy None needs at least one name server")
    if config is None:
        return
    if len(config.nameservers) > MAX_NAMESERVERS:
        found.invalid(
            "spec.dnsConfig.nameservers", f"got {len(config.nameservers)}, at most {MAX_NAMESERVERS} are allowed"
        )
    for index, server in enumerate(config.nameservers):
        if not is_ip(server):
            found.invalid(f"spec.dnsConfig.nameservers[{index}]", f"got {quoted(server)}, expected an IP address")
    _validate_searches(config.searches, found)
    for index, option in enumerate(config.options):
        if not option.name:
            found.required(f"spec.dnsConfig.options[{index}].name", "an option needs a name such as ndots")


def _validate_searches(searches: tuple[str, ...], found: Findings) -> None:
    here = "spec.dnsConfig.searches"
    if len(searches) > MAX_SEARCHES:
        found.invalid(here, f"got {len(searches)}, at most {MAX_SEARCHES} are allowed")
    chars = len(" ".join(searches))
    if chars > MAX_SEARCH_CHARS:
        found.invalid(here, f"got {chars} characters, at most {MAX_SEARCH_CHARS} are allowed")
    for index, search in enumerate(searches):
        domain = search.removesuffix(".")
        if search != "." and (len(domain) > names.SUBDOMAIN_MAX or _SEARCH.fullmatch(domain) is None):
            found.invalid(f"{here}[{index}]", f"got {quoted(search)}, expected a domain such as example.org")


def validate_hostnames(spec: v1.PodSpec, found: Findings) -> None:
    """Judge hostname, subdomain, hostnameOverride and hostAliases."""
    for name, value in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if value:
            found.named(f"spec.{name}", value, names.dns1123_label(value))
    _validate_override(spec, found)
    for index, alias in enumerate(spec.host_aliases):
        here = f"spec.hostAliases[{index}]"
        if not is_ip(alias.ip):
            found.invalid(f"{here}.ip", f"got {quoted(alias.ip)}, expected an IP address")
        for position, hostname in enumerate(alias.hostnames):
            found.named(f"{here}.hostnames[{position}]", hostname, names.dns1123_subdomain(hostname))


def _validate_override(spec: v1.PodSpec, found: Findings) -> None:
    override, here = spec.hostname_override, "spec.hostnameOverride"
    if override is None:
        return
    found.named(here, override, names.dns1123_subdomain(override))
    if len(override) > HOSTNAME_MAX:
        found.too_long(here, f"got {len(override)} characters, at most {HOSTNAME_MAX} are allowed")
    if spec.host_network:
        found.forbidden(here, "not allowed with hostNetwork: the pod has the node's name; remove it")
    if spec.set_hostname_as_fqdn:
        found.forbidden(here, "not allowed beside setHostnameAsFQDN; remove one of the two")
