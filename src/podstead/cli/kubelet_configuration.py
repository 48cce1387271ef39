"""A KubeletConfiguration file: the kubelet's own settings, as far as they concern a node of static pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.cli.checks import driver_reason, ip_reason, ipv4_range_reason
from podstead.cli.config_reader import ConfigReader, Section
from podstead.cli.kubelet_fields import UNUSED_FIELDS, USED_FIELDS
from podstead.cli.manifest_url import Headers, header_reason, url_reason
from podstead.cli.shutdown_groups import shutdown_groups
from podstead.cli.upkeep import NOTHING_GIVEN, UpkeepFields, read_upkeep
from podstead.config.node import CRITICAL_LAST

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.node import ShutdownGroup

API_VERSION = "kubelet.config.k8s.io/v1beta1"
KIND = "KubeletConfiguration"
MIN_RESTART_SECONDS, MAX_RESTART_SECONDS = 1.0, 300.0
"""Bounds of crashLoopBackOff.maxContainerRestartPeriod (KEP-4603)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletConfiguration:
    """The fields that are used; None and empty: not given. Durations are seconds, paths absolute."""

    static_pod_path: Path | None = None
    pod_logs: Path | None = None
    check_seconds: float | None = None
    url: str = ""
    url_headers: Headers = field(default=(), repr=False)
    url_check_seconds: float | None = None
    endpoint: str = ""
    request_seconds: float | None = None
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = ""
    resolv_conf: str | None = None
    max_pods: int | None = None
    pids_limit: int | None = None
    cgroup_driver: str = ""
    single_process_oom_kill: bool | None = None
    pod_cidr: str = ""
    unsafe_sysctls: tuple[str, ...] = ()
    seccomp_default: bool | None = None
    max_restart_seconds: float | None = None
    parallel_pulls: int | None = None
    upkeep: UpkeepFields = NOTHING_GIVEN
    shutdown: tuple[ShutdownGroup, ...] = CRITICAL_LAST
    unused: tuple[str, ...] = ()
    """Fields that were given and mean nothing here."""


def read_kubelet_configuration(path: Path) -> KubeletConfiguration:
    """Return what the file says; raises OperatorError with all its problems, or OSError when it cannot be read."""
    reader = ConfigReader(path)
    root = reader.root()
    if root.string("kind") != KIND:
        root.refuse("kind", f"must be {KIND}")
    if root.string("apiVersion") != API_VERSION:
        root.refuse("apiVersion", f"must be {API_VERSION}")
    root.refuse_unknown(USED_FIELDS | UNUSED_FIELDS | {"kind", "apiVersion"})
    found = KubeletConfiguration(
        static_pod_path=_beside(path, root.string("staticPodPath")),
        pod_logs=_beside(path, root.string("podLogsDir")),
        check_seconds=root.duration("fileCheckFrequency"),
        url=root.checked("staticPodURL", url_reason) or "",
        url_headers=_headers(root),
        url_check_seconds=root.duration("httpCheckFrequency"),
        endpoint=root.string("containerRuntimeEndpoint") or "",
        request_seconds=root.duration("runtimeRequestTimeout"),
        cluster_dns=_addresses(root),
        cluster_domain=root.string("clusterDomain") or "",
        resolv_conf=root.string("resolvConf"),
        max_pods=root.integer("maxPods", 0),
        pids_limit=root.integer("podPidsLimit", -1),
        cgroup_driver=root.checked("cgroupDriver", driver_reason) or "",
        single_process_oom_kill=root.boolean("singleProcessOOMKill"),
        pod_cidr=root.checked("podCIDR", ipv4_range_reason) or "",
        unsafe_sysctls=root.strings("allowedUnsafeSysctls") or (),
        seccomp_default=root.boolean("seccompDefault"),
        max_restart_seconds=_restart_period(root),
        parallel_pulls=root.integer("maxParallelImagePulls", 1),
        upkeep=read_upkeep(root),
        shutdown=shutdown_groups(root),
        unused=tuple(name for name in root.given() if name in UNUSED_FIELDS),
    )
    reader.finish()
    return found


def _beside(path: Path, text: str | None) -> Path | None:
    """Return a path of the file; a relative one counts from the file's directory, as in the kubelet."""
    return path.absolute().parent / text if text else None


def _headers(root: Section) -> Headers:
    """Return staticPodURLHeader: header names, each with a list of values."""
    section = root.section("staticPodURLHeader")
    found = []
    for name in section.given() if section is not None else ():
        values = section.strings(name) if section is not None else None
        if section is not None and values is not None and (problem := header_reason(name, values)) is not None:
            section.refuse(name, problem)
        found.append((name, values or ()))
    return tuple(found)


def _addresses(root: Section) -> tuple[str, ...]:
    found = root.strings("clusterDNS") or ()
    for text in found:
        if (problem := ip_reason(text)) is not None:
            root.refuse("clusterDNS", problem)
    return found


def _restart_period(root: Section) -> float | None:
    section = root.section("crashLoopBackOff")
    if section is None:
        return None
    section.refuse_unknown({"maxContainerRestartPeriod"})
    seconds = section.duration("maxContainerRestartPeriod")
    if seconds is not None and not MIN_RESTART_SECONDS <= seconds <= MAX_RESTART_SECONDS:
        section.refuse("maxContainerRestartPeriod", "must be between 1s and 5m")
        return None
    return seconds
