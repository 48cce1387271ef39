"""Rules of volumes."""

from __future__ import annotations

import pytest

from .rules import DUPLICATE, FORBIDDEN, INVALID, NAME, REQUIRED, UNSUPPORTED, Case, Edit, V, check, title


def down(**item: object) -> Edit:
    return ("spec.volumes.2", {"name": "d", "downwardAPI": {"items": [item]}})


VOLUMES: list[Case] = [
    ([], [(f"{V}.name", "")], "spec.volumes[0].name", REQUIRED),
    ([], [("spec.volumes.2", {"name": "A_b"})], "spec.volumes[2].name", INVALID),
    (
        [("spec.volumes.2", {"name": "more"})],
        [("spec.volumes.2", {"name": "conf"})],
        "spec.volumes[2].name",
        DUPLICATE,
    ),
    ([], [(f"{V}.emptyDir", {})], "spec.volumes[0].hostPath", FORBIDDEN),
    (
        [(f"{V}.hostPath.path", "/opt/..mysql")],
        [(f"{V}.hostPath.path", "/opt/../etc")],
        "spec.volumes[0].hostPath.path",
        INVALID,
    ),
    ([], [(f"{V}.hostPath.path", "opt/mysql")], "spec.volumes[0].hostPath.path", INVALID),
    ([], [(f"{V}.hostPath.path", "")], "spec.volumes[0].hostPath.path", REQUIRED),
    (
        [(f"{V}.hostPath.type", "BlockDevice")],
        [(f"{V}.hostPath.type", "Folder")],
        "spec.volumes[0].hostPath.type",
        UNSUPPORTED,
    ),
    (
        [(V, {"name": "data", "emptyDir": {"sizeLimit": "0"}})],
        [(V, {"name": "data", "emptyDir": {"sizeLimit": "-1"}})],
        "spec.volumes[0].emptyDir.sizeLimit",
        INVALID,
    ),
    ([], [(V, {"name": "data", "emptyDir": {"sizeLimit": "1 GB"}})], "spec.volumes[0].emptyDir.sizeLimit", INVALID),
    (
        [(V, {"name": "data", "emptyDir": {"medium": "HugePages-2Mi"}})],
        [(V, {"name": "data", "emptyDir": {"medium": "memory"}})],
        "spec.volumes[0].emptyDir.medium",
        UNSUPPORTED,
    ),
    (
        [("spec.volumes.2", {"name": "i", "image": {"reference": "a:1"}})],
        [("spec.volumes.2", {"name": "i", "image": {}})],
        "spec.volumes[2].image.reference",
        REQUIRED,
    ),
    (
        [("spec.volumes.2", {"name": "i", "image": {"reference": "a:1", "pullPolicy": "Never"}})],
        [("spec.volumes.2", {"name": "i", "image": {"reference": "a:1", "pullPolicy": "No"}})],
        "spec.volumes[2].image.pullPolicy",
        UNSUPPORTED,
    ),
    ([down(path="a/b", **NAME)], [down(path="", **NAME)], "spec.volumes[2].downwardAPI.items[0].path", REQUIRED),
    ([], [down(path="/a", **NAME)], "spec.volumes[2].downwardAPI.items[0].path", INVALID),
    ([], [down(path="..a", **NAME)], "spec.volumes[2].downwardAPI.items[0].path", INVALID),
    (
        [down(path="a", fieldRef={"fieldPath": "metadata.labels"})],
        [down(path="a", fieldRef={"fieldPath": "status.podIP"})],
        "spec.volumes[2].downwardAPI.items[0].fieldRef.fieldPath",
        UNSUPPORTED,
    ),
    ([], [down(path="a")], "spec.volumes[2].downwardAPI.items[0]", REQUIRED),
    (
        [down(path="a", resourceFieldRef={"containerName": "mysql", "resource": "limits.cpu"})],
        [down(path="a", resourceFieldRef={"resource": "limits.cpu"})],
        "spec.volumes[2].downwardAPI.items[0].resourceFieldRef.containerName",
        REQUIRED,
    ),
    (
        [],
        [down(path="a", **NAME, resourceFieldRef={"containerName": "mysql", "resource": "limits.cpu"})],
        "spec.volumes[2].downwardAPI.items[0]",
        INVALID,
    ),
    (
        [down(path="a", mode=0o777, **NAME)],
        [down(path="a", mode=0o1000, **NAME)],
        "spec.volumes[2].downwardAPI.items[0].mode",
        INVALID,
    ),
    (
        [],
        [("spec.volumes.2", {"name": "d", "downwardAPI": {"defaultMode": 644 * 2}})],
        "spec.volumes[2].downwardAPI.defaultMode",
        INVALID,
    ),
    (
        [("spec.volumes.2", {"name": "p", "projected": {"sources": [{"downwardAPI": {}}]}})],
        [("spec.volumes.2", {"name": "p", "projected": {"sources": [{}]}})],
        "spec.volumes[2].projected.sources[0]",
        REQUIRED,
    ),
    (
        [],
        [("spec.volumes.2", {"name": "p", "projected": {"sources": [{"downwardAPI": {}, "secret": {}}]}})],
        "spec.volumes[2].projected.sources[0].secret",
        FORBIDDEN,
    ),
    (
        [("spec.volumes.2", {"name": "n", "nfs": {"server": "s", "path": "/x"}})],
        [("spec.volumes.2", {"name": "n", "nfs": {"server": "s", "path": "x"}})],
        "spec.volumes[2].nfs.path",
        INVALID,
    ),
]


@pytest.mark.parametrize("one", VOLUMES, ids=title)
def test_a_rule_of_volumes(one: Case) -> None:
    check(one)
