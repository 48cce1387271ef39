"""Volumes under the whole agent: what containers see, what follows without a restart, and what an attacker gets."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.sources import SourceSettings
from podstead.volumes.abilities import IMAGES_SINCE
from podstead.volumes.mounter import SystemMounter
from tests.support.agent import agent_under_test
from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import OBEYING, container_status, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

USER, GROUP = 1000, 4711
SECRET = "correct horse battery staple"
FOLLOWS_SECONDS = 3.0


def with_objects(settings: Settings) -> Settings:
    """Return settings with a directory of local objects."""
    return replace(settings, objects=SourceSettings(path=settings.paths.root / "objects", absence_seconds=0.4))


@pytest.fixture(scope="module")
def volume_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    def prepared(settings: Settings) -> Settings:
        made = with_objects(settings)
        assert made.objects is not None
        made.objects.path.mkdir(mode=0o700)
        return made

    with agent_under_test(net_namespace=agent_hosts.node, changed=prepared) as running:
        yield running


@pytest.fixture
def agent(volume_agent: AgentUnderTest) -> Iterator[AgentUnderTest]:
    """A running agent with a directory of local objects, without pods."""
    yield volume_agent
    volume_agent.clear()
    assert SystemMounter().mount_points(volume_agent.settings.paths.pods) == ()
    assert not any(volume_agent.settings.paths.pods.iterdir()), "nothing of a pod that is gone stays"


def give(agent: AgentUnderTest, kind: str, name: str, **data: str) -> None:
    """Write a local object; `__` in a key stands for a dot."""
    assert agent.settings.objects is not None
    field = "stringData" if kind == "Secret" else "data"
    values = {key.replace("__", "."): text for key, text in data.items()}
    text = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: values})
    hidden = agent.settings.objects.path / f".{name}.new"
    hidden.write_text(text)
    hidden.chmod(0o600)
    hidden.rename(agent.settings.objects.path / f"{name}.yaml")


class Inside:
    """What a running container sees, looked at from the node by its process."""

    def __init__(self, agent: AgentUnderTest, pod: str, container: str = "main") -> None:
        self.id = agent.container_id(pod, container)
        self.root = Path(f"/proc/{agent.pid_of(self.id)}/root")

    def read(self, path: str) -> str:
        """Return a file's text. Links are followed as the container would, as far as they are relative."""
        return (self.root / path.lstrip("/")).read_text()

    def holds(self, path: str, text: str) -> bool:
        """Return whether a file has this in its text."""
        return text in self.read(path)

    def stat(self, path: str) -> tuple[int, int, str]:
        """Return owner, group and permission bits."""
        found = (self.root / path.lstrip("/")).stat()
        return found.st_uid, found.st_gid, f"{found.st_mode & 0o7777:o}"

    def mount(self, path: str) -> tuple[str, str]:
        """Return type and `ro` or `rw` of what is mounted at a path."""
        found = [line.split() for line in (self.root.parent / "mountinfo").read_text().splitlines()]
        (line,) = [words for words in found if words[4] == path]
        return line[line.index("-") + 1], line[5].split(",")[0]

    def size(self, path: str) -> int:
        """Return the bytes that the file system at a path may hold."""
        found = os.statvfs(self.root / path.lstrip("/"))
        return found.f_blocks * found.f_frsize


ITEMS = [
    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
    {
        "path": "deep/memory",
        "resourceFieldRef": {"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"},
    },
]


def volumes(*, size: str = "1Mi") -> list[dict[str, Any]]:
    """Return one volume of each kind that this machine can make."""
    projected = [
        {"downwardAPI": {"items": [{"path": "pod/name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"configMap": {"name": "app", "items": [{"key": "my.cnf", "path": "pod/my.cnf"}]}},
        {"secret": {"name": "keys"}},
    ]
    return [
        {"name": "disk", "emptyDir": {"sizeLimit": "10Mi"}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": size}},
        {"name": "info", "downwardAPI": {"items": ITEMS, "defaultMode": 0o440}},
        {"name": "conf", "configMap": {"name": "app"}},
        {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400, "defaultUser": USER}},
        {"name": "all", "projected": {"sources": projected}},
    ]


MOUNTS = [
    *({"name": name, "mountPath": f"/{name}"} for name in ("disk", "memory", "info", "conf", "keys", "all")),
    {"name": "disk", "mountPath": "/part", "subPath": "a/b"},
    {"name": "disk", "mountPath": "/own", "subPathExpr": "$(POD)/own"},
    {"name": "disk", "mountPath": "/disk-ro", "readOnly": True, "recursiveReadOnly": "IfPossible"},
    {"name": "conf", "mountPath": "/etc/my.cnf", "subPath": "my.cnf"},
]
ENV = [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]


def many(*, colour: str = "red", size: str = "1Mi") -> str:
    """Return the pod `vols`, with every kind of volume."""
    container = {"volumeMounts": MOUNTS, "env": ENV, "resources": {"limits": {"memory": "64Mi"}}}
    security = {"runAsUser": USER, "runAsGroup": USER, "fsGroup": GROUP}
    return manifest(
        "vols",
        metadata={"labels": {"colour": colour}},
        container=container,
        volumes=volumes(size=size),
        securityContext=security,
    )


@pytest.mark.conformance("S31")
def test_every_kind_of_volume_from_its_start_to_its_end(agent: AgentUnderTest) -> None:
    give(agent, "ConfigMap", "app", my__cnf="[mysqld]", other="1")
    agent.write("vols.yaml", many())
    missing = "there is no Secret default/keys: write it as a file (kind: Secret) into"
    agent.wait(
        "the missing Secret is named",
        lambda: any(missing in event["message"] for event in agent.events("FailedMount", "vols")),
    )
    give(agent, "Secret", "keys", password=SECRET)
    agent.wait_running("vols")
    inside = Inside(agent, "vols")
    see_what_was_made(agent, inside)
    see_what_follows(agent, inside)
    see_what_a_restart_finds(agent, inside)


def see_what_was_made(agent: AgentUnderTest, inside: Inside) -> None:
    assert inside.stat("/disk") == (0, GROUP, "2777")
    assert (inside.mount("/memory"), inside.stat("/memory")) == (("tmpfs", "rw"), (0, GROUP, "2777"))
    assert inside.size("/memory") == 1 << 20
    assert inside.read("/info/labels") == 'colour="red"'
    assert inside.read("/info/deep/memory") == "64"
    assert inside.stat("/info/labels") == (0, GROUP, "440")
    assert inside.read("/conf/my.cnf") == inside.read("/etc/my.cnf") == inside.read("/all/pod/my.cnf") == "[mysqld]"
    assert inside.read("/keys/password") == inside.read("/all/password") == SECRET
    assert inside.stat("/keys/password") == (USER, GROUP, "440")
    assert inside.read("/all/pod/name") == "vols-node1"
    assert {path: inside.mount(path)[1] for path in ("/info", "/conf", "/keys", "/all", "/disk-ro")} == dict.fromkeys(
        ("/info", "/conf", "/keys", "/all", "/disk-ro"), "ro"
    )
    assert inside.mount("/keys")[0] == inside.mount("/all")[0] == "tmpfs"
    assert inside.mount("/conf")[0] != "tmpfs"
    agent.exec("vols", "sh", "-c", "echo one > /part/file && echo two > /own/file && cat /keys/password /info/labels")
    assert inside.read("/disk/a/b/file") == "one\n"
    assert inside.read("/disk/vols-node1/own/file") == "two\n"
    assert inside.stat("/disk/a/b/file") == (USER, GROUP, "644")
    with pytest.raises(AssertionError, match="Read-only file system"):
        agent.exec("vols", "sh", "-c", "echo x > /disk-ro/file")


def see_what_follows(agent: AgentUnderTest, inside: Inside) -> None:
    """Labels, ConfigMaps, Secrets and the size of memory: without a restart, all of a change at once."""
    agent.write("vols.yaml", many(colour="blue", size="2Mi"))
    agent.wait("labels are followed", lambda: inside.read("/info/labels") == 'colour="blue"', FOLLOWS_SECONDS)
    agent.wait("so is a size", lambda: inside.size("/memory") == 2 << 20, FOLLOWS_SECONDS)
    give(agent, "ConfigMap", "app", my__cnf="[mysqld]\nport=3311", more="2")
    for volume in ("/conf/my.cnf", "/all/pod/my.cnf"):  # each volume follows by itself
        agent.wait("a ConfigMap is followed", partial(inside.holds, volume, "3311"), FOLLOWS_SECONDS)
    assert sorted(p.name for p in (inside.root / "conf").iterdir() if p.name[0] != ".") == ["more", "my.cnf"]
    assert inside.read("/etc/my.cnf") == "[mysqld]", "a sub-path shows what it was mounted from"
    give(agent, "Secret", "keys", password="another")
    agent.wait("a Secret is followed", lambda: inside.read("/keys/password") == "another", FOLLOWS_SECONDS)
    assert agent.container_id("vols") == inside.id
    assert container_status(agent.pod("vols"))["restartCount"] == 0


def see_what_a_restart_finds(agent: AgentUnderTest, inside: Inside) -> None:
    agent.restart()
    agent.wait_running("vols")
    assert agent.container_id("vols") == inside.id, "a new agent restarts nothing"
    os.kill(int(inside.root.parent.name), 9)
    agent.wait("it is started again", lambda: agent.container_id("vols") != inside.id, 10)
    again = Inside(agent, "vols")
    assert again.read("/etc/my.cnf") == "[mysqld]\nport=3311"
    assert again.read("/part/file") == "one\n"
    below = [point.path for point in SystemMounter().mount_points(agent.settings.paths.pods)]
    assert sum("volume-subpaths" in path.parts for path in below) == 3, "what the last start had is unmounted"


# What an attacker prepared


def test_links_and_devices_in_a_volume_lead_nowhere(agent: AgentUnderTest, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    (volume / "data").mkdir(parents=True)
    (volume / "data/file").write_text("inside")
    (volume / "inside").symlink_to("data")
    (volume / "etc").symlink_to("/etc")
    (volume / "up").symlink_to("../..")
    (volume / "proc").symlink_to("/proc/1/root")
    os.mkfifo(volume / "fifo")
    ways = {"inside": "inside", "file": "inside/file", "etc": "etc", "up": "up/x", "proc": "proc/etc", "fifo": "fifo"}
    containers = [
        {
            "name": name,
            "image": BUSYBOX_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", OBEYING],
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": way}],
        }
        for name, way in ways.items()
    ]
    agent.write(
        "bad.yaml", manifest("bad", containers=containers, volumes=[{"name": "v", "hostPath": {"path": str(volume)}}])
    )

    def waiting() -> dict[str, str]:
        states = {s["name"]: s["state"] for s in agent.pod("bad").get("status", {}).get("containerStatuses", [])}
        return {name: s["waiting"]["reason"] for name, s in states.items() if "waiting" in s}

    refused = dict.fromkeys(("etc", "up", "proc"), "CreateContainerConfigError")
    agent.wait("the bad ones are refused, the others run", lambda: waiting() == refused)
    said = {e["message"] for e in agent.events("Failed", "bad")}
    assert said == {
        f"container {name}, volume v: cannot mount subPath {ways[name]!r}: a link in it leads out of the volume"
        for name in refused
    }
    assert Inside(agent, "bad", "inside").read("/v/file") == Inside(agent, "bad", "file").read("/v") == "inside"
    assert (Inside(agent, "bad", "fifo").root / "v").is_fifo()


def test_files_that_a_container_spoilt_are_mended(agent: AgentUnderTest) -> None:
    """A privileged container may write where others only read; the next change of the content finds it."""
    info = {"name": "info", "downwardAPI": {"items": ITEMS[:1]}}
    mount = {"name": "info", "mountPath": "/info"}
    container = {"volumeMounts": [mount], "securityContext": {"privileged": True}}

    def pod(colour: str) -> str:
        return manifest("bad", metadata={"labels": {"colour": colour}}, container=container, volumes=[info])

    agent.write("bad.yaml", pod("red"))
    agent.wait_running("bad")
    spoil = "mount -o remount,rw,bind /info; cd /info; rm ..data labels; ln -s /etc ..data; mkdir labels ..data_tmp"
    agent.exec("bad", "sh", "-c", spoil)
    agent.write("bad.yaml", pod("blue"))
    inside = Inside(agent, "bad")
    labels = inside.root / "info/labels"
    agent.wait("it is mended", lambda: labels.is_symlink() and inside.read("/info/labels") == 'colour="blue"')
    assert sorted(p.name for p in (inside.root / "info").iterdir() if not p.name.startswith("..2")) == [
        "..data",
        "labels",
    ]


# What this machine cannot do


def has_private_mounts(agent: AgentUnderTest) -> bool:
    """Return whether the runtime lives in a mount namespace of its own."""
    here, there = (Path(f"/proc/{pid}/ns/mnt").readlink() for pid in ("self", agent.containerd_pid()))
    return here != there


def test_mounts_pass_where_they_can_and_are_refused_where_not(agent: AgentUnderTest) -> None:
    """Mounts made below a pod's own volume reach its containers, also those of a runtime with a namespace of its own."""

    def pod(propagation: str) -> str:
        mount = {"name": "e", "mountPath": "/e", "mountPropagation": propagation}
        container = {"volumeMounts": [mount], "securityContext": {"privileged": True}}
        return manifest("pass", container=container, volumes=[{"name": "e", "emptyDir": {}}])

    agent.write("pass.yaml", pod("HostToContainer"))
    agent.wait_running("pass")
    (place,) = agent.settings.paths.pods.glob("*/volumes/kubernetes.io~empty-dir/e")
    (place / "later").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place / "later")], check=True)
    try:
        (place / "later/seen").write_text("yes")
        assert Inside(agent, "pass").read("/e/later/seen") == "yes"
        before = agent.container_id("pass")
        agent.write("pass.yaml", pod("Bidirectional"))
        if has_private_mounts(agent):
            said = agent.wait("it is refused", lambda: agent.events("FailedMount", "pass"))
            assert "mountPropagation Bidirectional would be without effect" in said[0]["message"]
            assert agent.container_id("pass") == before, "what runs is not stopped for what cannot be"
        else:
            agent.wait("it is granted", lambda: agent.container_id("pass") != before)
    finally:
        subprocess.run(["umount", str(place / "later")], check=True)


IMPOSSIBLE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nfs": ({"nfs": {"server": "127.0.0.1", "path": "/x"}}, {}, "install the package nfs-common"),
    "image": ({"image": {"reference": BUSYBOX_IMAGE}}, {}, "does not mount images"),
    "recursive": (
        {"emptyDir": {}},
        {"readOnly": True, "recursiveReadOnly": "Enabled"},
        "write recursiveReadOnly: IfPossible",
    ),
    "file": ({"hostPath": {"path": "/home", "type": "File"}}, {}, "it is not a regular file, as type File wants"),
}
if not SystemMounter().is_shared(Path("/home")):
    IMPOSSIBLE["shared"] = (
        {"hostPath": {"path": "/home"}},
        {"mountPropagation": "HostToContainer"},
        "is on no shared mount",
    )


NEWER_CAN = {"image": IMAGES_SINCE["containerd"], "recursive": (2, 0)}
"""Since when containerd can; test_agent_newer_runtime.py shows it."""


def _waits_for(said: str, pod: dict[str, Any]) -> bool:
    waiting = container_status(pod)["state"].get("waiting", {})
    return waiting.get("reason") == "ContainerCreating" and said in waiting["message"]


@pytest.mark.conformance("S32")
def test_what_cannot_be_is_said_before_anything_runs(agent: AgentUnderTest) -> None:
    version = agent.runtime_version()
    can = {name for name, since in NEWER_CAN.items() if version >= since}
    impossible = {name: case for name, case in IMPOSSIBLE.items() if name not in can}
    for name, (source, mount, _) in impossible.items():
        container = {"volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}
        agent.write(f"{name}.yaml", manifest(name, container=container, volumes=[{"name": "v", **source}]))
    for name, (_, _, said) in impossible.items():
        (event, *_) = agent.wait(f"{name} is refused", partial(agent.events, "FailedMount", name))
        assert said in event["message"]
        pod = agent.wait_pod(name, partial(_waits_for, said))
        assert pod["status"]["phase"] == "Pending"
        assert not agent.containers(name)


PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


@pytest.fixture
def huge_pages() -> Iterator[None]:
    """Four huge pages, set aside for a test and given back."""
    file = PAGES / "nr_hugepages"
    before = file.read_text()
    file.write_text(str(int(before) + 4))
    yield
    file.write_text(before)


@pytest.mark.usefixtures("huge_pages")
def test_huge_pages(agent: AgentUnderTest) -> None:
    mount = {"name": "pages", "mountPath": "/pages"}
    resources = {"limits": {"hugepages-2Mi": "4Mi", "memory": "64Mi"}}
    container = {"volumeMounts": [mount], "resources": resources}
    agent.write(
        "huge.yaml",
        manifest("huge", container=container, volumes=[{"name": "pages", "emptyDir": {"medium": "HugePages"}}]),
    )
    agent.wait_running("huge")
    assert Inside(agent, "huge").mount("/pages") == ("hugetlbfs", "rw")
