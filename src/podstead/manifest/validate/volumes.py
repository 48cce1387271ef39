"""Rules for the volumes of a pod."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names, quantity
from podstead.k8s.resources import MAX_BYTES
from podstead.k8s.volumes import HUGE_PAGES, huge_page_size
from podstead.manifest.defaults import volume_sources
from podstead.manifest.validate.content import validate_content
from podstead.manifest.validate.findings import quoted

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

HOST_PATH_TYPES = (
    "",
    "DirectoryOrCreate",
    "Directory",
    "FileOrCreate",
    "File",
    "Socket",
    "CharDevice",
    "BlockDevice",
)
MEDIA = ("", "Memory", "HugePages")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
EMPTY_DIR_MODE_MAX = 0o1777
"""The sticky bit too, as of /tmp."""
_NFS_SERVER = re.compile(r"[A-Za-z0-9_:\[][A-Za-z0-9_.:%\]-]*")
"""A name or an address. Narrower than Kubernetes, where mount(8) may be given a server that begins with a dash: an option."""


def validate_volumes(pod: v1.Pod, found: Findings) -> None:
    """Judge every volume of the pod."""
    seen: set[str] = set()
    for index, volume in enumerate(pod.spec.volumes):
        here = f"spec.volumes[{index}]"
        if not volume.name:
            found.required(f"{here}.name", "a volume needs a name")
        else:
            found.named(f"{here}.name", volume.name, names.dns1123_label(volume.name))
            if volume.name in seen:
                found.duplicate(f"{here}.name", f"{quoted(volume.name)} names another volume of this pod already")
            seen.add(volume.name)
        _validate_source(volume, here, pod, found)


def _validate_source(volume: v1.Volume, path: str, pod: v1.Pod, found: Findings) -> None:
    sources = volume_sources(volume)
    if not sources:
        found.required(path, "expected a source such as emptyDir or hostPath")
    for extra in sources[1:]:
        found.forbidden(f"{path}.{extra}", f"{sources[0]} is given already; keep one of the two")
    if volume.host_path is not None:
        _validate_host_path(volume.host_path, f"{path}.hostPath", found)
    if volume.empty_dir is not None:
        _validate_empty_dir(volume.empty_dir, f"{path}.emptyDir", pod, found)
    validate_content(volume, path, found)
    if volume.image is not None:
        if not volume.image.reference:
            found.required(f"{path}.image.reference", "expected an image such as data:1.0")
        found.one_of(f"{path}.image.pullPolicy", volume.image.pull_policy, PULL_POLICIES)
    if volume.nfs is not None:
        if not volume.nfs.server:
            found.required(f"{path}.nfs.server", "expected the name or the address of the server")
        elif _NFS_SERVER.fullmatch(volume.nfs.server) is None:
            text = f"got {quoted(volume.nfs.server)}, must be the name or the address of the server"
            found.invalid(f"{path}.nfs.server", text)
        if not volume.nfs.path.startswith("/"):
            found.invalid(f"{path}.nfs.path", f"got {quoted(volume.nfs.path)}, must be absolute")


def _validate_host_path(source: v1.HostPathVolumeSource, path: str, found: Findings) -> None:
    """Judge a hostPath. A relative path is refused, which the kubelet does not: it would depend on who starts us."""
    if not source.path:
        found.required(f"{path}.path", "expected a path on the node")
    elif ".." in source.path.split("/"):
        found.invalid(f"{path}.path", f"got {quoted(source.path)}, must not contain '..'")
    elif not source.path.startswith("/"):
        found.invalid(f"{path}.path", f"got {quoted(source.path)}, must be absolute: begin it with '/'")
    found.one_of(f"{path}.type", source.type, HOST_PATH_TYPES)


def _validate_empty_dir(source: v1.EmptyDirVolumeSource, path: str, pod: v1.Pod, found: Findings) -> None:
    """Judge an emptyDir. A medium that cannot be is refused here; the kubelet fails when it mounts it."""
    medium = source.medium or ""
    found.within(f"{path}.mode", source.mode, 0, EMPTY_DIR_MODE_MAX)
    if not medium.startswith(f"{HUGE_PAGES}-"):
        found.one_of(f"{path}.medium", medium, MEDIA)
    if medium.startswith(HUGE_PAGES) and isinstance(why := huge_page_size(medium, pod), str):
        found.invalid(f"{path}.medium", f"got {quoted(medium)}: {why}")
    if source.size_limit is None:
        return
    fault = quantity.problem(source.size_limit)
    if fault is not None:
        found.named(f"{path}.sizeLimit", source.size_limit, fault)
    elif quantity.parse(source.size_limit) < 0:
        found.invalid(f"{path}.sizeLimit", f"got {quoted(source.size_limit)}, must not be negative")
    elif quantity.parse(source.size_limit) > MAX_BYTES:
        most = quantity.render(MAX_BYTES, quantity.Style.BINARY)
        found.invalid(
            f"{path}.sizeLimit", f"got {quoted(source.size_limit)}, more than {most}; leave it out for no limit"
        )
