"""Rules of security."""

from __future__ import annotations

import pytest

from podstead.manifest.reading import Severity

from .pods import MYSQL
from .rules import DUPLICATE, FORBIDDEN, INVALID, REQUIRED, SC, UNSUPPORTED, C, Case, Edit, case, check, problems, title


def sysctl(*names: str) -> Edit:
    return (f"{SC}.sysctls", [{"name": name, "value": "1"} for name in names])


S = f"{C}.securityContext"
SP = "spec.containers[0].securityContext"
SECURITY: list[Case] = [
    *[
        case([(f"{SC}.{name}", 2**31 - 1)], [(f"{SC}.{name}", -1)], f"spec.securityContext.{name}", INVALID)
        for name in ("runAsUser", "runAsGroup", "fsGroup")
    ],
    (
        [(f"{SC}.supplementalGroups", [0])],
        [(f"{SC}.supplementalGroups", [0, 2**31])],
        "spec.securityContext.supplementalGroups[1]",
        INVALID,
    ),
    (
        [(f"{SC}.supplementalGroupsPolicy", "Strict")],
        [(f"{SC}.supplementalGroupsPolicy", "strict")],
        "spec.securityContext.supplementalGroupsPolicy",
        UNSUPPORTED,
    ),
    (
        [(f"{SC}.fsGroupChangePolicy", "OnRootMismatch")],
        [(f"{SC}.fsGroupChangePolicy", "Once")],
        "spec.securityContext.fsGroupChangePolicy",
        UNSUPPORTED,
    ),
    ([(f"{S}.runAsUser", 0)], [(f"{S}.runAsUser", 2**31)], f"{SP}.runAsUser", INVALID),
    ([(f"{S}.runAsGroup", 0)], [(f"{S}.runAsGroup", -1)], f"{SP}.runAsGroup", INVALID),
    (
        [("spec.shareProcessNamespace", True)],
        [("spec.shareProcessNamespace", True), ("spec.hostPID", True)],
        "spec.shareProcessNamespace",
        INVALID,
    ),
    ([sysctl("net.core.somaxconn", "kernel/shmmax")], [sysctl("Net.Core")], f"{SC}.sysctls[0].name", INVALID),
    ([], [sysctl("")], f"{SC}.sysctls[0].name", REQUIRED),
    ([], [sysctl("a." + "b" * 253)], f"{SC}.sysctls[0].name", INVALID),
    ([], [sysctl("kernel.sem", "kernel/sem")], f"{SC}.sysctls[1].name", DUPLICATE),
    (
        [("spec.hostNetwork", True), sysctl("kernel.sem")],
        [("spec.hostNetwork", True), sysctl("net.core.somaxconn")],
        f"{SC}.sysctls[0].name",
        FORBIDDEN,
    ),
    (
        [("spec.hostIPC", True), sysctl("net.core.somaxconn")],
        [("spec.hostIPC", True), sysctl("fs.mqueue.msg_max")],
        f"{SC}.sysctls[0].name",
        FORBIDDEN,
    ),
    (
        [(S, {"allowPrivilegeEscalation": False})],
        [(S, {"allowPrivilegeEscalation": False, "privileged": True})],
        f"{SP}.allowPrivilegeEscalation",
        INVALID,
    ),
    (
        [(S, {"privileged": True, "capabilities": {"add": ["CAP_SYS_ADMIN"]}})],
        [(S, {"allowPrivilegeEscalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]}})],
        f"{SP}.allowPrivilegeEscalation",
        INVALID,
    ),
    (
        [(S, {"procMount": "Unmasked"}), ("spec.hostUsers", False)],
        [(S, {"procMount": "Unmasked"})],
        f"{SP}.procMount",
        INVALID,
    ),
    ([(S, {"procMount": "Default"})], [(S, {"procMount": "None"})], f"{SP}.procMount", UNSUPPORTED),
    *[
        case(
            [("spec.hostUsers", False)], [("spec.hostUsers", False), (f"spec.{name}", True)], f"spec.{name}", FORBIDDEN
        )
        for name in ("hostPID", "hostIPC", "hostNetwork")
    ],
]
for _name in ("seccompProfile", "appArmorProfile"):
    SECURITY += [
        (
            [(f"{S}.{_name}", {"type": "RuntimeDefault"})],
            [(f"{S}.{_name}", {"type": "runtime/default"})],
            f"{SP}.{_name}.type",
            UNSUPPORTED,
        ),
        ([], [(f"{SC}.{_name}", {"type": ""})], f"{SC}.{_name}.type", REQUIRED),
        (
            [(f"{SC}.{_name}", {"type": "Localhost", "localhostProfile": "a/b.json"})],
            [(f"{SC}.{_name}", {"type": "Localhost"})],
            f"{SC}.{_name}.localhostProfile",
            REQUIRED,
        ),
        (
            [],
            [(f"{SC}.{_name}", {"type": "Unconfined", "localhostProfile": "a"})],
            f"{SC}.{_name}.localhostProfile",
            INVALID,
        ),
    ]
SECURITY += [
    (
        [],
        [(f"{SC}.seccompProfile", {"type": "Localhost", "localhostProfile": "../a"})],
        f"{SC}.seccompProfile.localhostProfile",
        INVALID,
    ),
    (
        [],
        [(f"{SC}.appArmorProfile", {"type": "Localhost", "localhostProfile": " a"})],
        f"{SC}.appArmorProfile.localhostProfile",
        INVALID,
    ),
]
for _key, _where, _path in (
    ("seccomp.security.alpha.kubernetes.io/pod", f"{SC}.seccompProfile", f"{SC}.seccompProfile"),
    ("container.seccomp.security.alpha.kubernetes.io/mysql", f"{S}.seccompProfile", f"{SP}.seccompProfile"),
    ("container.apparmor.security.beta.kubernetes.io/mysql", f"{S}.appArmorProfile", f"{SP}.appArmorProfile"),
):
    SECURITY.append(
        (
            [("metadata.annotations", {_key: "runtime/default"}), (_where, {"type": "RuntimeDefault"})],
            [("metadata.annotations", {_key: "unconfined"}), (_where, {"type": "RuntimeDefault"})],
            _path,
            FORBIDDEN,
        )
    )


@pytest.mark.parametrize("one", SECURITY, ids=title)
def test_a_rule_of_security(one: Case) -> None:
    check(one)


@pytest.mark.parametrize(
    ("capabilities", "message"),
    [
        ({"drop": ["NET_RAWW"]}, "Linux has no capability 'NET_RAWW': nothing is taken away; did you mean NET_RAW?"),
        ({"add": ["NET_RAW", "everything"]}, "Linux has no capability 'everything': nothing is given"),
    ],
)
def test_a_capability_that_linux_does_not_have(capabilities: dict[str, list[str]], message: str) -> None:
    (problem,) = problems(MYSQL, (S, {"capabilities": capabilities}))
    assert (problem.severity, problem.message) == (Severity.WARNING, message)


def test_capabilities_in_every_spelling() -> None:
    spelt = {"add": ["SYS_TIME", "CAP_NET_ADMIN", "sys_nice"], "drop": ["ALL", "all"]}
    assert problems(MYSQL, (S, {"capabilities": spelt})) == ()
