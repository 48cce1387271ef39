"""Rules of volumes."""

from __future__ import annotations

import pytest

from podstead.manifest.validate.pod import validate_pod

from .pods import MYSQL, defaulted, edited
from .rules import DUPLICATE, FORBIDDEN, INVALID, NAME, REQUIRED, UNSUPPORTED, C, Case, Edit, V, check, title


def down(**item: object) -> Edit:
    return ("spec.volumes.2", {"name": "d", "downwardAPI": {"items": [item]}})


def keys(*items: dict[str, object]) -> Edit:
    """Return a configMap volume; that its reference is refused without a directory of objects is another rule's."""
    return ("spec.volumes.2", {"name": "c", "configMap": {"name": "app", "items": list(items)}})


def projected(*items: dict[str, object]) -> Edit:
    """Return a projected volume with one downwardAPI source for each file."""
    sources = [{"downwardAPI": {"items": [{**item, **NAME}]}} for item in items]
    return ("spec.volumes.2", {"name": "p", "projected": {"sources": sources}})


ITEM = "spec.volumes[2].configMap.items[0]"
PAGES: Edit = (f"{C}.resources.limits", {"hugepages-2Mi": "4Mi", "memory": "1Gi", "cpu": "1"})

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
        [(V, {"name": "data", "emptyDir": {"medium": "Memory"}})],
        [(V, {"name": "data", "emptyDir": {"medium": "memory"}})],
        "spec.volumes[0].emptyDir.medium",
        UNSUPPORTED,
    ),
    (
        [(V, {"name": "data", "emptyDir": {"medium": "HugePages"}}), PAGES],
        [(V, {"name": "data", "emptyDir": {"medium": "HugePages"}})],
        "spec.volumes[0].emptyDir.medium",
        INVALID,
    ),
    (
        [(V, {"name": "data", "emptyDir": {"medium": "HugePages-2Mi"}}), PAGES],
        [(V, {"name": "data", "emptyDir": {"medium": "HugePages-1Gi"}}), PAGES],
        "spec.volumes[0].emptyDir.medium",
        INVALID,
    ),
    (
        [(V, {"name": "data", "emptyDir": {"mode": 0o1777}})],
        [(V, {"name": "data", "emptyDir": {"mode": 0o2777}})],
        "spec.volumes[0].emptyDir.mode",
        INVALID,
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
    (
        [],
        [("spec.volumes.2", {"name": "n", "nfs": {"server": "", "path": "/x"}})],
        "spec.volumes[2].nfs.server",
        REQUIRED,
    ),
    ([], [keys({"key": "", "path": "b"})], f"{ITEM}.key", REQUIRED),
    ([], [keys({"key": "a b", "path": "b"})], f"{ITEM}.key", INVALID),
    ([], [keys({"key": "a", "path": ""})], f"{ITEM}.path", REQUIRED),
    ([], [keys({"key": "a", "path": "../b"})], f"{ITEM}.path", INVALID),
    ([], [keys({"key": "a", "path": "b", "mode": 0o1000})], f"{ITEM}.mode", INVALID),
    ([], [keys({"key": "a", "path": "b", "user": -1})], f"{ITEM}.user", INVALID),
    (
        [],
        [("spec.volumes.2", {"name": "s", "secret": {"defaultMode": -1}})],
        "spec.volumes[2].secret.defaultMode",
        INVALID,
    ),
    (
        [],
        [("spec.volumes.2", {"name": "s", "secret": {"defaultUser": -1}})],
        "spec.volumes[2].secret.defaultUser",
        INVALID,
    ),
    (
        [],
        [keys({"key": "a", "path": "x"}, {"key": "b", "path": "x/b"})],
        "spec.volumes[2].configMap.items[1].path",
        INVALID,
    ),
    (
        [projected({"path": "a"}, {"path": "b"})],
        [projected({"path": "a"}, {"path": "a"})],
        "spec.volumes[2].projected.sources[1].downwardAPI.items[0].path",
        INVALID,
    ),
]


@pytest.mark.parametrize("one", VOLUMES, ids=title)
def test_a_rule_of_volumes(one: Case) -> None:
    check(one)


def test_the_files_of_local_objects() -> None:
    items = [{"key": "a.b", "path": "x/a", "mode": 0o400, "user": 7}, {"key": "b", "path": "x/b"}]
    sources = [{"configMap": {"name": "app"}}, {"secret": {"name": "keys", "items": items}}]
    content = edited(
        MYSQL,
        ("spec.volumes.2", {"name": "c", "configMap": {"name": "app", "items": items, "defaultUser": 0}}),
        ("spec.volumes.3", {"name": "s", "secret": {"secretName": "keys", "optional": True}}),
        ("spec.volumes.4", {"name": "p", "projected": {"sources": sources}}),
    )
    assert validate_pod(defaulted(content), local_objects=True) == ()
