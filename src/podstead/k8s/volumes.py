"""The volumes of a pod: who uses them, which come of images, and which keep up with what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import quantity, resources
from podstead.k8s.containers import all_containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1


HUGE_PAGES = "HugePages"
"""The medium of an emptyDir of huge pages; `HugePages-2Mi` says which."""


def uses(container: v1.Container, volume: str) -> bool:
    """Return whether a container mounts a volume, or takes a variable from a file in it."""
    mounted = any(mount.name == volume for mount in container.volume_mounts)
    sources = (entry.value_from for entry in container.env if entry.value_from is not None)
    return mounted or any(s.file_key_ref is not None and s.file_key_ref.volume_name == volume for s in sources)


def used_volumes(pod: v1.Pod) -> tuple[v1.Volume, ...]:
    """Return the volumes that some container uses, in the manifest's order; the others are never made."""
    containers = all_containers(pod.spec)
    return tuple(volume for volume in pod.spec.volumes if any(uses(c, volume.name) for c in containers))


def mounted_images(container: v1.Container, pod: v1.Pod) -> Iterator[v1.ImageVolumeSource]:
    """Yield the image volumes that a container mounts."""
    for volume in pod.spec.volumes:
        if volume.image is not None and uses(container, volume.name):
            yield volume.image


def images_of(container: v1.Container, pod: v1.Pod) -> Iterator[str]:
    """Yield the references of all that a container needs of the image store: its image, then its image volumes."""
    yield container.image or ""
    for volume in mounted_images(container, pod):
        yield volume.reference or ""


def needed_images(pod: v1.Pod) -> tuple[str, ...]:
    """Return the references of all images that a pod runs from or mounts, each once."""
    containers = all_containers(pod.spec)
    return tuple(dict.fromkeys(image for container in containers for image in images_of(container, pod)))


def binds_host_paths(container: v1.Container, pod: v1.Pod) -> bool:
    """Return whether a container mounts paths of the node."""
    of_node = {volume.name for volume in pod.spec.volumes if volume.host_path is not None}
    return any(mount.name in of_node for mount in container.volume_mounts)


def shows_content(volume: v1.Volume) -> bool:
    """Return whether the agent writes the volume's files: from the pod's own fields, ConfigMaps and Secrets."""
    sources = (volume.downward_api, volume.config_map, volume.secret, volume.projected)
    return any(source is not None for source in sources)


def keeps_up(pod: v1.Pod) -> bool:
    """Return whether a volume in use is brought up to date under running containers.

    The files that the agent writes follow labels, annotations, ConfigMaps and Secrets; what lies in memory has a size
    that follows sizeLimit.
    """
    return any(shows_content(v) or (v.empty_dir is not None and bool(v.empty_dir.medium)) for v in used_volumes(pod))


def huge_page_size(medium: str, pod: v1.Pod) -> int | str:
    """Return the page size in bytes that a medium stands for, or why it stands for none.

    `HugePages` alone means the one size that the pod's containers have a limit of.
    """
    limits = [c.resources.limits for c in all_containers(pod.spec) if c.resources is not None]
    prefix = resources.HUGEPAGES_PREFIX
    asked = {name.removeprefix(prefix) for texts in limits for name in texts if name.startswith(prefix)}
    size = next(iter(asked), "") if medium == HUGE_PAGES else medium.removeprefix(f"{HUGE_PAGES}-")
    if medium == HUGE_PAGES and len(asked) > 1:
        return f"the containers have limits of several page sizes: write which, as in {HUGE_PAGES}-2Mi"
    if size not in asked or quantity.problem(size) is not None:
        return (
            f"huge pages need a limit: write resources.limits hugepages-{size or '2Mi'} for a container that uses them"
        )
    return quantity.value(size)
