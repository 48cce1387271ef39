"""Gathers what an inspection judges: processes, units, configuration, directories, the runtime's pods."""

from __future__ import annotations

import posixpath
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.inspection import cis
from podstead.inspection.arguments import Launch, Reader
from podstead.inspection.kubelets import Kubelet, distrust, launch_of
from podstead.inspection.places import SeenPlace
from podstead.inspection.report import Facts
from podstead.inspection.seen import Kind, SeenFile
from podstead.inspection.settings import Name, settings_of
from podstead.survey.processes import kubelet_processes
from podstead.survey.services import Started, services

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.policy.pod_security.levels import Standard
    from podstead.survey.tree import Tree

USUAL = (
    ("/etc/kubernetes/manifests", Reader.KUBELET),
    ("/var/lib/rancher/k3s/agent/pod-manifests", Reader.KUBELET),
    ("/var/lib/rancher/rke2/agent/pod-manifests", Reader.KUBELET),
    ("/etc/podstead/manifests", Reader.PODSTEAD),
)
"""Where distributions keep manifests: looked at where they are there, whoever reads them."""
_KUBECONFIG = "/etc/kubernetes/kubelet.conf"
_CONFIGURATION = "/var/lib/kubelet/config.yaml"
SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/cri-dockerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/var/lib/podstead/containerd/containerd.sock",
)
"""Where runtimes listen, besides what a kubelet's settings name."""
MAX_ENTRIES = 2000
MAX_BYTES = 64 * 2**20
"""Entries and bytes of one directory that are read: a flood must not stop the inspection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be looked at. `directory` empty: the whole node; `kubelets_only` leaves Podstead's own places out."""

    directory: str = ""
    kubelets_only: bool = False
    required: Standard | None = None
    baseline: SeenFile | None = None


def look_around(tree: Tree, asked: Asked, at: float) -> Facts:
    """Return what was seen of the node, or of one directory, but for signatures and the runtime's pods."""
    if asked.directory:
        place = _place(tree, asked.directory, Reader.KUBELET, ("--dir",))
        return Facts(
            node=_host_name(tree),
            at=at,
            root=str(tree.host("/")),
            places=(place,),
            required=asked.required,
            baseline=asked.baseline,
            complete=False,
        )
    processes = tuple(kubelet_processes(tree))
    believed = [one for one in processes if not one.elsewhere and not distrust(one)]
    started = [one for one in services(tree) if not (asked.kubelets_only and one.reader is Reader.PODSTEAD)]
    kubelets = tuple(_kubelets(tree, [launch_of(one) for one in believed], started))
    return Facts(
        node=next((name for one in kubelets if (name := one.settings[Name.NODE_NAME].value)), _host_name(tree)),
        at=at,
        root=str(tree.host("/")),
        processes=processes,
        kubelets=kubelets,
        places=tuple(_places(tree, kubelets, asked)),
        subjects=tuple(_subjects(tree, kubelets)),
        required=asked.required,
        baseline=asked.baseline,
        sockets=tuple(dict.fromkeys((*endpoints(tree, kubelets), *SOCKETS))),
    )


def endpoints(tree: Tree, kubelets: Iterable[Kubelet]) -> tuple[str, ...]:
    """Return the paths of the runtimes' sockets that are there, those of settings first."""
    named = [one.settings[Name.ENDPOINT].value.removeprefix("unix://") for one in kubelets]
    found = {tree.real(path): path for path in reversed([*filter(None, named), *SOCKETS])}
    seen = {real: tree.look(real, read=False) for real in found}
    return tuple(path for real, path in reversed(found.items()) if seen[real].kind is Kind.SOCKET)


def _host_name(tree: Tree) -> str:
    """Return the name that the node's pods have as a suffix."""
    if tree.is_whole:
        return socket.gethostname().strip().lower()
    data = tree.look("/etc/hostname").data or b""
    return data[:253].decode("ascii", "replace").strip().lower() or "node"


def _kubelets(tree: Tree, live: list[Launch], started: list[Started]) -> Iterator[Kubelet]:
    """Yield each kubelet once: a unit that would start what runs already lends the process its files."""
    flags = [launch.flags() for launch in live]
    for launch in live:
        same = [one for one in started if one.reader is Reader.KUBELET and one.launch.flags() == launch.flags()]
        yield _kubelet(tree, launch, Reader.KUBELET, tuple(file for one in same for file in one.files))
    for one in started:
        if one.reader is not Reader.KUBELET or one.launch.flags() not in flags:
            yield _kubelet(tree, one.launch, one.reader, one.files)


def _kubelet(tree: Tree, launch: Launch, reader: Reader, files: tuple[SeenFile, ...]) -> Kubelet:
    flags = launch.flags()
    read: list[SeenFile] = []
    if config := flags.get("config"):
        read.append(tree.look(launch.path(config)))
    if directory := flags.get("config-dir"):
        path = launch.path(directory)
        read += (tree.look(f"{path}/{name}") for name in tree.names(path) if name.endswith(".conf"))
    kept = tuple({file.path: file for file in (*files, *read) if file.is_there}.values())
    above = {posixpath.dirname(file.real or file.path) for file in kept}
    ways = {one.path: one for directory in sorted(above) for one in tree.way(directory)}
    return Kubelet(
        launch=launch,
        reader=reader,
        settings=settings_of(launch, [(file.path, file.data) for file in read]),
        files=kept,
        ways=tuple(ways.values()),
    )


def _places(tree: Tree, kubelets: Iterable[Kubelet], asked: Asked) -> Iterator[SeenPlace]:
    """Yield each directory once, whoever reads it; two paths of one directory are one place."""
    readers: dict[str, tuple[str, Reader, list[str]]] = {}
    for one in kubelets:
        if path := one.settings[Name.STATIC_PATH].value:
            _, _, origins = readers.setdefault(tree.real(path), (path, one.reader, []))
            origins.append(one.launch.origin)
    for path, reader in USUAL:
        if asked.kubelets_only and reader is Reader.PODSTEAD:
            continue
        if tree.look(path, read=False).kind is Kind.DIRECTORY:
            readers.setdefault(tree.real(path), (path, reader, ["its usual place"]))
    for path, reader, origins in readers.values():
        yield _place(tree, path, reader, tuple(dict.fromkeys(origins)))


def _place(tree: Tree, path: str, reader: Reader, origins: tuple[str, ...]) -> SeenPlace:
    """Return a manifest directory, or a single manifest file, with everything in it."""
    try:
        resolved = tree.resolve(path)
    except FileNotFoundError:
        real = tree.real(path)
        return SeenPlace(path=path, real=real, reader=reader, origins=origins, missing=True, way=tree.way(real))
    except OSError as error:
        why = f"it cannot be read: {error.strerror or error}"
        return SeenPlace(path=path, real=path, reader=reader, origins=origins, error=why)
    seen = tree.look(resolved.real, read=False)
    place = SeenPlace(
        path=path, real=resolved.real, reader=reader, origins=origins, links=resolved.links, way=tree.way(resolved.real)
    )
    if seen.kind is Kind.FILE:
        return replace(place, entries=(tree.look(path),))
    if seen.kind is not Kind.DIRECTORY:
        return replace(place, error=f"it is a {seen.kind}")
    try:
        names = tree.listed(path)
    except OSError as error:
        return replace(place, error=f"it cannot be read: {error.strerror or error}")
    entries: list[SeenFile] = []
    budget = MAX_BYTES
    for name in names[:MAX_ENTRIES]:
        entry = tree.look(posixpath.join(path, name), read=budget > 0)
        budget -= len(entry.data or b"")
        entries.append(entry)
    unread = sum(1 for entry in entries if entry.kind is Kind.FILE and entry.data is None)
    return replace(place, entries=tuple(entries), left_out=len(names) - len(entries) + unread)


def _subjects(tree: Tree, kubelets: Iterable[Kubelet]) -> Iterator[tuple[cis.Subject, SeenFile]]:
    """Yield the files of the kubelet that the CIS Benchmark speaks of."""
    yield cis.Subject.KUBECONFIG, tree.look(_KUBECONFIG)
    yield cis.Subject.CONFIGURATION, tree.look(_CONFIGURATION)
    for one in kubelets:
        if one.reader is not Reader.KUBELET:
            continue
        for file in one.files:
            is_unit = "/systemd/" in file.path and file.path.endswith((".service", ".conf"))
            if is_unit:
                yield cis.Subject.UNIT, file
            elif file.path in {one.launch.path(text) for name, text in one.launch.flags().items() if name == "config"}:
                yield cis.Subject.CONFIGURATION, file
        for name, subject in ((Name.KUBECONFIG, cis.Subject.KUBECONFIG), (Name.CLIENT_CA, cis.Subject.CLIENT_CA)):
            if path := one.settings[name].value:
                yield subject, tree.look(path)


def tree_at(root: str) -> Path:
    """Return the root directory that was asked for, as it is written: `/proc/PID/root` is a way into another one."""
    return Path(root if root.startswith("/") else posixpath.join(str(Path.cwd()), root))
