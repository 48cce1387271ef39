"""The node as `podstead run` is told of it: its name and addresses, its limits, what its pods resolve names with."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from podstead.cli.checks import driver_reason, ip_reason, ipv4_range_reason
from podstead.cli.flag_values import FlagValues, first
from podstead.cli.options import UsageError
from podstead.config.node import NodeSettings
from podstead.errors import OperatorError
from podstead.k8s.names import dns1123_subdomain, label_value, qualified_name

if TYPE_CHECKING:
    from podstead.cli.kubelet_configuration import KubeletConfiguration
    from podstead.cli.own_configuration import OwnConfiguration


def node_settings(
    given: FlagValues, kubelet: KubeletConfiguration, own: OwnConfiguration, host_name: str
) -> tuple[NodeSettings, tuple[str, ...]]:
    """Return the settings of the node, and remarks for the operator. Raises UsageError, and OperatorError for the host's name."""
    address, remarks = _address(given)
    usual = NodeSettings(name=_name(given, host_name))
    node = NodeSettings(
        name=usual.name,
        ip=address,
        pod_cidr=_range(given.checked("pod-cidr", ipv4_range_reason) or kubelet.pod_cidr),
        pod_names=first(own.pod_names, None, usual.pod_names),
        max_pods=first(given.integer("max-pods", 0), kubelet.max_pods, usual.max_pods),
        pids_limit=first(given.integer("pod-max-pids", -1), kubelet.pids_limit, usual.pids_limit),
        cgroup_driver=given.checked("cgroup-driver", driver_reason) or kubelet.cgroup_driver,
        single_process_oom_kill=first(kubelet.single_process_oom_kill, None, usual.single_process_oom_kill),
        cluster_dns=_name_servers(given) or kubelet.cluster_dns,
        cluster_domain=given.text("cluster-domain") or kubelet.cluster_domain,
        resolv_conf=first(given.maybe("resolv-conf"), kubelet.resolv_conf, usual.resolv_conf),
        labels=_labels(given),
        allowed_unsafe_sysctls=given.words("allowed-unsafe-sysctls") or kubelet.unsafe_sysctls,
    )
    return node, remarks


def _name(given: FlagValues, host_name: str) -> str:
    """Return the node's name as the kubelet makes it: trimmed, in lower case."""
    name = (given.text("hostname-override") or host_name).strip().lower()
    if (problem := dns1123_subdomain(name)) is not None:
        origin = "--hostname-override" if given.text("hostname-override") else "the host name, used as the node's name,"
        text = f"{origin} {problem}, got {name!r}: give the node a name with --hostname-override"
        raise UsageError(text) if given.text("hostname-override") else OperatorError(text)
    return name


def _address(given: FlagValues) -> tuple[str, tuple[str, ...]]:
    """Return the node's address. Of a dual-stack pair the IPv4 one; `0.0.0.0` and `::` mean: find it."""
    words = given.words("node-ip")
    for word in words:
        if (problem := ip_reason(word)) is not None:
            raise UsageError(f"--node-ip {problem}, got {word!r}")
    if len(words) > 2:
        raise UsageError("--node-ip takes one address, or one of IPv4 and one of IPv6")
    found = [word for word in words if not ipaddress.ip_address(word).is_unspecified]
    found.sort(key=lambda word: ipaddress.ip_address(word).version)
    if len(found) > 1:
        return found[0], (f"--node-ip: using {found[0]}, and not {found[1]}: a node has one address in this version",)
    return (found[0] if found else ""), ()


def _range(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False)) if text else ""


def _name_servers(given: FlagValues) -> tuple[str, ...]:
    words = given.words("cluster-dns")
    for word in words:
        if (problem := ip_reason(word)) is not None:
            raise UsageError(f"--cluster-dns {problem}, got {word!r}")
    return words


def _labels(given: FlagValues) -> tuple[tuple[str, str], ...]:
    labels: dict[str, str] = {}
    for word in given.words("node-labels"):
        key, _, value = word.partition("=")
        problem = qualified_name(key) or label_value(value)
        if problem is not None:
            raise UsageError(f"--node-labels: the label {word!r} {problem}")
        labels[key] = value
    return tuple(labels.items())
