"""The Pod Security Standards against labelled pods: what each control refuses, what it lets pass, and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - a NamedTuple's annotations
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from podstead.manifest.armour import Limits
from podstead.manifest.undecided import read_undecided
from podstead.policy.pod_security.controls import CONTROLS
from podstead.policy.pod_security.evaluate import violations
from podstead.policy.pod_security.levels import NEWEST_MINOR, Level, Standard, standard

SAFE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""A security context with which a container passes the restricted level."""
ANNOTATION = "container.apparmor.security.beta.kubernetes.io/c"
OLD_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/c"
LINUX = {"os": {"name": "linux"}}
WINDOWS = {"os": {"name": "windows"}}
OWN_USERS = {"hostUsers": False}
NOTHING: Mapping[str, Any] = MappingProxyType({})


def pod(spec: dict[str, Any], context: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
    container = {"name": "c", "image": "i:1", "securityContext": context, **spec.pop("container", {})}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", **metadata},
        "spec": {"containers": [container], **spec},
    }
    read = read_undecided(json.dumps(document).encode(), Limits())
    assert read.reason == "", read.messages
    return read.pods[0].pod


class Case(NamedTuple):
    """One labelled pod: `context` is the container's, laid over a safe one; `since` is the first version that refuses."""

    control: str
    level: Level
    field: str
    spec: Mapping[str, Any] = NOTHING
    context: Mapping[str, Any] = NOTHING
    metadata: Mapping[str, Any] = NOTHING
    since: int = 0
    until: int = NEWEST_MINOR


BASE, RESTRICTED = Level.BASELINE, Level.RESTRICTED
C = "spec.containers[0]"
S = f"{C}.securityContext"
P = "spec.securityContext"
PORT = {"container": {"ports": [{"containerPort": 80, "hostPort": 80}]}}
INIT = {
    "initContainers": [
        {
            "name": "i",
            "image": "i:1",
            "securityContext": {
                "privileged": True,
                "runAsNonRoot": True,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    ]
}


def probe(name: str, kind: str) -> dict[str, Any]:
    return {"container": {name: {kind: {"port": 80, "host": "169.254.169.254"}}}}


def hook(name: str) -> dict[str, Any]:
    return {"container": {"lifecycle": {name: {"httpGet": {"port": 80, "host": "127.0.0.1"}}}}}


def sysctl(name: str) -> dict[str, Any]:
    return {"securityContext": {"sysctls": [{"name": name, "value": "1"}]}}


REFUSED = [
    Case("HostProcess", BASE, f"{P}.windowsOptions.hostProcess", {"securityContext": {"windowsOptions": {"hostProcess": True}}}),
    Case("HostProcess", BASE, f"{S}.windowsOptions.hostProcess", context={"windowsOptions": {"hostProcess": True}}),
    Case("Host Namespaces", BASE, "spec.hostNetwork", {"hostNetwork": True}),
    Case("Host Namespaces", BASE, "spec.hostPID", {"hostPID": True}),
    Case("Host Namespaces", BASE, "spec.hostIPC", {"hostIPC": True}),
    Case("Privileged Containers", BASE, f"{S}.privileged", context={"privileged": True}),
    Case("Privileged Containers", BASE, "spec.initContainers[0].securityContext.privileged", INIT),
    Case("Capabilities", BASE, f"{S}.capabilities.add[0]", context={"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}),
    Case("Capabilities", BASE, f"{S}.capabilities.add[0]", context={"capabilities": {"drop": ["ALL"], "add": ["CAP_CHOWN"]}}),
    Case("Host Ports", BASE, f"{C}.ports[0].hostPort", PORT),
    Case("Host Ports", BASE, f"{C}.ports[0].hostPort", {"hostNetwork": True, "container": {"ports": [{"containerPort": 80}]}}),
    Case("Host Probes / Lifecycle Hooks", BASE, f"{C}.livenessProbe.httpGet.host", probe("livenessProbe", "httpGet"), since=34),
    Case("Host Probes / Lifecycle Hooks", BASE, f"{C}.readinessProbe.tcpSocket.host", probe("readinessProbe", "tcpSocket"), since=34),
    Case("Host Probes / Lifecycle Hooks", BASE, f"{C}.startupProbe.httpGet.host", probe("startupProbe", "httpGet"), since=34),
    Case("Host Probes / Lifecycle Hooks", BASE, f"{C}.lifecycle.postStart.httpGet.host", hook("postStart"), since=34),
    Case("Host Probes / Lifecycle Hooks", BASE, f"{C}.lifecycle.preStop.httpGet.host", hook("preStop"), since=34),
    Case("AppArmor", BASE, f"{S}.appArmorProfile.type", context={"appArmorProfile": {"type": "Unconfined"}}),
    Case("AppArmor", BASE, f"{P}.appArmorProfile.type", {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    Case("AppArmor", BASE, f"metadata.annotations[{ANNOTATION}]", metadata={"annotations": {ANNOTATION: "unconfined"}}),
    Case("SELinux", BASE, f"{S}.seLinuxOptions.type", context={"seLinuxOptions": {"type": "spc_t"}}),
    Case("SELinux", BASE, f"{S}.seLinuxOptions.user", context={"seLinuxOptions": {"user": "system_u"}}),
    Case("SELinux", BASE, f"{P}.seLinuxOptions.role", {"securityContext": {"seLinuxOptions": {"role": "r"}}}),
    Case("SELinux", BASE, f"{S}.seLinuxOptions.type", context={"seLinuxOptions": {"type": "container_engine_t"}}, until=30),
    Case("/proc Mount Type", BASE, f"{S}.procMount", context={"procMount": "Unmasked"}),
    Case("/proc Mount Type", BASE, f"{S}.procMount", OWN_USERS, {"procMount": "Unmasked"}, until=34),
    Case("/proc Mount Type", RESTRICTED, f"{S}.procMount", OWN_USERS, {"procMount": "Unmasked"}),
    Case("Seccomp", BASE, f"{S}.seccompProfile.type", context={"seccompProfile": {"type": "Unconfined"}}, since=19),
    Case("Seccomp", BASE, f"{P}.seccompProfile.type", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, since=19),
    Case("Seccomp", BASE, f"metadata.annotations[{OLD_SECCOMP}]", metadata={"annotations": {OLD_SECCOMP: "unconfined"}}, until=18),
    Case("Sysctls", BASE, f"{P}.sysctls[0].name", sysctl("kernel.msgmax")),
    Case("Sysctls", BASE, f"{P}.sysctls[0].name", sysctl("net.ipv4.ip_local_reserved_ports"), until=26),
    Case("Sysctls", BASE, f"{P}.sysctls[0].name", sysctl("net.ipv4.tcp_keepalive_time"), until=28),
    Case("Sysctls", BASE, f"{P}.sysctls[0].name", sysctl("net.ipv4.tcp_rmem"), until=31),
    Case("Sysctls", BASE, f"{P}.sysctls[0].name", sysctl("net.ipv4.tcp_notsent_lowat"), until=36),
    Case("Volume Types", RESTRICTED, "spec.volumes[0].nfs", {"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}),
    Case("Volume Types", RESTRICTED, "spec.volumes[0].hostPath", {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    Case("HostPath Volumes", BASE, "spec.volumes[0].hostPath", {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    Case("Privilege Escalation", RESTRICTED, f"{S}.allowPrivilegeEscalation", context={"allowPrivilegeEscalation": None}, since=8),
    Case("Privilege Escalation", RESTRICTED, f"{S}.allowPrivilegeEscalation", WINDOWS, {"allowPrivilegeEscalation": True}, since=8, until=24),
    Case("Running as Non-root", RESTRICTED, f"{S}.runAsNonRoot", context={"runAsNonRoot": None}),
    Case("Running as Non-root", RESTRICTED, f"{S}.runAsNonRoot", {"securityContext": {"runAsNonRoot": True}}, {"runAsNonRoot": False}),
    Case("Running as Non-root", RESTRICTED, f"{P}.runAsNonRoot", {"securityContext": {"runAsNonRoot": False}}),
    Case("Running as Non-root", RESTRICTED, f"{S}.runAsNonRoot", OWN_USERS, {"runAsNonRoot": None}, until=34),
    Case("Running as Non-root user", RESTRICTED, f"{S}.runAsUser", context={"runAsUser": 0}, since=23),
    Case("Running as Non-root user", RESTRICTED, f"{P}.runAsUser", {"securityContext": {"runAsUser": 0}}, since=23),
    Case("Running as Non-root user", RESTRICTED, f"{S}.runAsUser", OWN_USERS, {"runAsUser": 0}, since=23, until=34),
    Case("Seccomp", RESTRICTED, f"{S}.seccompProfile.type", context={"seccompProfile": None}, since=19),
    Case("Seccomp", RESTRICTED, f"{S}.seccompProfile.type", WINDOWS, {"seccompProfile": None}, since=19, until=24),
    Case("Capabilities", RESTRICTED, f"{S}.capabilities.drop", context={"capabilities": None}, since=22),
    Case("Capabilities", RESTRICTED, f"{S}.capabilities.drop", context={"capabilities": {"drop": ["NET_RAW"]}}, since=22),
    Case("Capabilities", RESTRICTED, f"{S}.capabilities.add[0]", context={"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, since=22),
    Case("Capabilities", RESTRICTED, f"{S}.capabilities.drop", WINDOWS, {"capabilities": None}, since=22, until=24),
]  # fmt: skip

VOLUMES: list[dict[str, Any]] = [
    {"configMap": {"name": "m"}},
    {"csi": {"driver": "d"}},
    {"downwardAPI": {"items": []}},
    {"emptyDir": {}},
    {"ephemeral": {}},
    {"image": {"reference": "i:1"}},
    {"persistentVolumeClaim": {"claimName": "c"}},
    {"projected": {"sources": []}},
    {"secret": {"secretName": "s"}},
]

ALLOWED: list[tuple[Level, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (RESTRICTED, {}, {}, {}),
    (RESTRICTED, LINUX, {}, {}),
    (RESTRICTED, {"hostNetwork": False, "hostPID": False, "hostIPC": False}, {"privileged": False}, {}),
    (RESTRICTED, {"container": {"ports": [{"containerPort": 80, "hostPort": 0}]}}, {}, {}),
    (RESTRICTED, {"container": {"livenessProbe": {"httpGet": {"port": 80}}}}, {}, {}),
    (RESTRICTED, {"container": {"livenessProbe": {"httpGet": {"port": 80, "host": ""}}}}, {}, {}),
    (RESTRICTED, {}, {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, {}),
    (BASE, {}, {"capabilities": {"add": ["CHOWN", "SYS_CHROOT", "MKNOD"]}}, {}),
    (RESTRICTED, {}, {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}, {}),
    (RESTRICTED, {}, {}, {"annotations": {ANNOTATION: "localhost/p"}}),
    (RESTRICTED, {}, {"seLinuxOptions": {"type": "container_t", "level": "s0:c1"}}, {}),
    (RESTRICTED, {}, {"seLinuxOptions": {"type": "container_engine_t"}}, {}),
    (RESTRICTED, {}, {"procMount": "Default"}, {}),
    (BASE, OWN_USERS, {"procMount": "Unmasked"}, {}),
    (BASE, {}, {"seccompProfile": None}, {}),
    (RESTRICTED, {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, {"seccompProfile": None}, {}),
    (RESTRICTED, {}, {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}}, {}),
    (RESTRICTED, {"securityContext": {"runAsNonRoot": True}}, {"runAsNonRoot": None}, {}),
    (RESTRICTED, OWN_USERS, {"runAsNonRoot": None, "runAsUser": 0}, {}),
    (RESTRICTED, {}, {"runAsUser": 1000}, {}),
    (RESTRICTED, WINDOWS, {"allowPrivilegeEscalation": None, "capabilities": None, "seccompProfile": None}, {}),
    *((RESTRICTED, sysctl(name), {}, {}) for name in ("kernel.shm_rmid_forced", "net.ipv4.tcp_wmem", "net.ipv4.tcp_slow_start_after_idle")),
    *((RESTRICTED, {"volumes": [{"name": "v", **source}]}, {}, {}) for source in VOLUMES),
    (Level.PRIVILEGED, {"hostNetwork": True, "hostPID": True}, {"privileged": True}, {}),
]  # fmt: skip


def told(case: Case, minor: int) -> set[tuple[str, str]]:
    context = {key: value for key, value in {**SAFE, **case.context}.items() if value is not None}
    given = pod(dict(case.spec), context, case.metadata)
    return {(v.control, v.field) for v in violations(given, Standard(level=case.level, minor=minor))}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.control}-{case.field}-{case.since}-{case.until}")
def test_what_a_control_refuses_and_in_which_versions(case: Case) -> None:
    wanted = (case.control, case.field)
    for minor in {0, case.since, case.until, NEWEST_MINOR}:
        assert (wanted in told(case, minor)) == (case.since <= minor <= case.until), minor
    for minor in {case.since - 1, case.until + 1} - {-1, NEWEST_MINOR + 1}:
        assert wanted not in told(case, minor)


@pytest.mark.parametrize("number", range(len(ALLOWED)))
def test_what_passes(number: int) -> None:
    level, spec, context, metadata = ALLOWED[number]
    laid = {key: value for key, value in {**SAFE, **context}.items() if value is not None}
    assert violations(pod(dict(spec), laid, metadata), Standard(level=level)) == ()


def test_every_control_has_a_pod_that_it_refuses() -> None:
    assert {case.control for case in REFUSED} == {control.name for control in CONTROLS}


def test_each_level_refuses_all_that_the_level_above_does() -> None:
    """But for volumes, where the restricted level says the same by another name."""
    for case in REFUSED:
        if case.level is BASE and case.control != "HostPath Volumes":
            stricter = case._replace(level=RESTRICTED)
            minor = min(case.until, NEWEST_MINOR)
            assert told(case, minor) <= told(stricter, minor), case


def test_ephemeral_containers_are_judged_too() -> None:
    spec = {"ephemeralContainers": [{"name": "e", "image": "i:1", "securityContext": {"privileged": True}}]}
    found = violations(pod(spec, SAFE, {}), Standard(level=BASE))
    assert [v.field for v in found] == ["spec.ephemeralContainers[0].securityContext.privileged"]


@pytest.mark.parametrize(
    ("text", "level", "minor"),
    [
        ("baseline", BASE, NEWEST_MINOR),
        ("restricted:latest", RESTRICTED, NEWEST_MINOR),
        ("restricted:v1.25", RESTRICTED, 25),
        ("privileged:v1.0", Level.PRIVILEGED, 0),
    ],
)
def test_a_standard_is_read(text: str, level: Level, minor: int) -> None:
    assert standard(text) == Standard(level=level, minor=minor)


@pytest.mark.parametrize("text", ["", "Baseline", "base", "baseline:", "baseline:1.25", "baseline:v1.025", "baseline:v2.0", "restricted:v1.999", "baseline:v1.25:x"])  # fmt: skip
def test_what_is_no_standard_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"level|version|known"):
        standard(text)
