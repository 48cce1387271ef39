"""What containers are started with beyond their manifest, then and now: objects by lookup, files of the node by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from podstead.k8s.configuration import config_files
from podstead.k8s.containers import all_containers
from podstead.state.inputs import has_inputs, inputs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from podstead.identity import PodUID
    from podstead.k8s import core_v1 as v1
    from podstead.state.inputs import Inputs
    from podstead.state.objects import ObjectLookup


class FileDigests(Protocol):
    """The contents of files of the node."""

    def digest(self, path: str) -> str | None:
        """Return a digest of what a file holds, as `state.inputs.inputs_of` wants it."""
        ...

    async def refresh(self, paths: Iterable[str]) -> None:
        """Look at these files now."""
        ...


class PodInputs:
    """Knows what the containers of a pod would be started with now."""

    def __init__(self, objects: ObjectLookup, files: FileDigests) -> None:
        self.objects = objects
        self._files = files

    async def look(self, pod: v1.Pod) -> None:
        """Look at the pod's files: a container of it is about to start with what stands in them now."""
        if paths := config_files(pod):
            await self._files.refresh(paths)

    def of(self, container: v1.Container, pod: v1.Pod, uid: PodUID) -> Inputs:
        """Return what a container would be started with now."""
        return inputs_of(container, pod, uid, self.objects, self._files.digest)

    def present(self, pod: v1.Pod, uid: PodUID) -> Mapping[str, Inputs]:
        """Return what each container of a pod would be started with now, as far as it has inputs."""
        if not has_inputs(pod):
            return {}
        found = {container.name: self.of(container, pod, uid) for container in all_containers(pod.spec)}
        return {name: inputs for name, inputs in found.items() if inputs}
