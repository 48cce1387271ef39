"""Rules of mounts."""

from __future__ import annotations

import pytest

from .rules import FORBIDDEN, INVALID, M0, NOT_FOUND, REQUIRED, UNSUPPORTED, C, Case, M, check, title

MOUNTS: list[Case] = [
    ([], [(f"{M0}.name", "")], f"{M}.name", REQUIRED),
    ([], [(f"{M0}.name", "none")], f"{M}.name", NOT_FOUND),
    ([], [(f"{M0}.mountPath", "")], f"{M}.mountPath", REQUIRED),
    (
        [(f"{M0}.mountPath", "/a")],
        [(f"{M0}.mountPath", "/etc/mysql/mysql.conf.d")],
        "spec.containers[0].volumeMounts[1].mountPath",
        INVALID,
    ),
    ([(f"{M0}.subPath", "a/..b")], [(f"{M0}.subPath", "a/../b")], f"{M}.subPath", INVALID),
    ([(f"{M0}.subPathExpr", "$(A)/b")], [(f"{M0}.subPathExpr", "/$(A)")], f"{M}.subPathExpr", INVALID),
    (
        [(f"{M0}.subPath", "a")],
        [(f"{M0}.subPath", "a"), (f"{M0}.subPathExpr", "b")],
        f"{M}.subPathExpr",
        INVALID,
    ),
    (
        [(f"{M0}.mountPropagation", "HostToContainer")],
        [(f"{M0}.mountPropagation", "Both")],
        f"{M}.mountPropagation",
        UNSUPPORTED,
    ),
    (
        [(f"{M0}.mountPropagation", "Bidirectional"), (f"{C}.securityContext", {"privileged": True})],
        [(f"{M0}.mountPropagation", "Bidirectional")],
        f"{M}.mountPropagation",
        FORBIDDEN,
    ),
    (
        [(f"{M0}.recursiveReadOnly", "Disabled")],
        [(f"{M0}.recursiveReadOnly", "Yes")],
        f"{M}.recursiveReadOnly",
        UNSUPPORTED,
    ),
    (
        [(f"{M0}.recursiveReadOnly", "Enabled"), (f"{M0}.readOnly", True)],
        [(f"{M0}.recursiveReadOnly", "Enabled")],
        f"{M}.recursiveReadOnly",
        FORBIDDEN,
    ),
    (
        [(f"{M0}.recursiveReadOnly", "IfPossible"), (f"{M0}.readOnly", True), (f"{M0}.mountPropagation", "None")],
        [
            (f"{M0}.recursiveReadOnly", "IfPossible"),
            (f"{M0}.readOnly", True),
            (f"{M0}.mountPropagation", "HostToContainer"),
        ],
        f"{M}.recursiveReadOnly",
        FORBIDDEN,
    ),
    (
        [],
        [(f"{C}.volumeDevices", [{"name": "data", "devicePath": "/dev/x"}])],
        "spec.containers[0].volumeDevices[0]",
        FORBIDDEN,
    ),
]


@pytest.mark.parametrize("one", MOUNTS, ids=title)
def test_a_rule_of_mounts(one: Case) -> None:
    check(one)
