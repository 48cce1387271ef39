"""Where the paths of the node that a file's pods mount led, when the policy looked: a verdict and every later start ask.

Pure; who looks, and when, is `policy_gate`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import fsdecode
from typing import TYPE_CHECKING

from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.judging.wire import WirePath
    from podstead.manifest.reading import ManifestPod, Reading


def mounted_paths(reading: Reading) -> Iterator[str]:
    """Yield the paths of the node that pods mount, in the spelling in which a verdict asks for them."""
    from podstead.policy.host_paths import host_paths_of  # noqa: PLC0415 - a node without a policy does without

    for pod in reading.pods:
        yield from (path for _, _, path in host_paths_of(pod.pod))


@dataclass(frozen=True, slots=True)
class LedPaths:
    """What was found at the paths of one file; nothing where no verdict and no start depends on it."""

    found: tuple[WirePath, ...] = ()

    def unseen(self, reading: Reading) -> str:
        """Return why a file is refused of which a path cannot be looked at; empty: all could be.

        The first start would have nothing to compare with, and take whatever somebody has put there by then.
        """
        faults = {one.path: one.fault for one in self.found if not one.steps}
        if not faults:
            return ""
        path = next((path for path in mounted_paths(reading) if path in faults), "")
        if not path:
            return ""
        why = "the policy has to know where it leads, and it is looked at again"
        return printable(f"hostPath {path} cannot be looked at ({faults[path]}): {why}")

    def noted_in(self, reading: Reading) -> Reading:
        """Return the reading with where its pods' paths lead; one that cannot be looked at is left out."""
        if not self.found:
            return reading
        real = {one.path: fsdecode(one.real) for one in self.found if one.steps}
        return replace(reading, pods=tuple(replace(pod, led=tuple(_led(pod, real))) for pod in reading.pods))


def _led(pod: ManifestPod, real: dict[str, str]) -> Iterator[tuple[str, str]]:
    from podstead.policy.host_paths import host_paths_of  # noqa: PLC0415 - a node without a policy does without

    for _, volume, path in host_paths_of(pod.pod):
        if volume.host_path is not None and path in real:
            yield volume.host_path.path, real[path]
