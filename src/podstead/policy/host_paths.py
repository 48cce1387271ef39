"""Below which directories of the node pods may mount: by device and inode of every component, and by mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.text import printable
from podstead.policy.pod_security.faults import places
from podstead.policy.pod_security.levels import Level
from podstead.policy.violation import Breach, cleaned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.k8s import core_v1 as v1
    from podstead.policy.values import HostPathRule, PathFacts, Policy

PREFIXES = "HostPath Prefixes"


def host_paths_of(pod: v1.Pod) -> Iterator[tuple[int, v1.Volume, str]]:
    """Yield the hostPath volumes of a pod: number, volume, and its path in one spelling."""
    for index, volume in enumerate(pod.spec.volumes):
        if volume.host_path is not None:
            yield index, volume, cleaned(volume.host_path.path)


def writers(pod: v1.Pod, volume: str) -> Iterator[str]:
    """Yield the paths of the mounts through which a volume can be written."""
    for place in places(pod):
        for index, mount in enumerate(place.container.volume_mounts):
            if mount.name == volume and not mount.read_only:
                yield f"{place.path}.volumeMounts[{index}]"


def prefix_breaches(
    pod: v1.Pod, rules: tuple[HostPathRule, ...] | None, paths: Mapping[str, PathFacts]
) -> Iterator[Breach]:
    """Yield the hostPath volumes that lie below no listed directory, and the mounts that may write where none may."""
    if rules is None:
        return
    listed = ", ".join(rule.prefix for rule in rules) or "none"
    for index, volume, path in host_paths_of(pod):
        field = f"spec.volumes[{index}].hostPath"
        covering = [rule for rule in rules if covers(rule.prefix, path, paths)]
        if not covering:
            named = any(_below(rule.prefix, path) for rule in rules)
            led = f": it leads to {paths[path].real}, or another file system is mounted there" if named else ""
            problem = f"{path} lies below no directory that the policy lists ({listed}){led}"
            yield Breach(control=PREFIXES, field=field, problem=problem, value=path)
        elif all(rule.read_only for rule in covering):
            for mount in writers(pod, volume.name):
                problem = f"{covering[0].prefix} may be mounted to read only: set readOnly: true"
                yield Breach(control=PREFIXES, field=mount, problem=problem, value=path)


def restricts_paths(policy: Policy) -> bool:
    """Return whether a policy has anything to say about paths of the node, by listed directories or by a level."""
    level = policy.standard.level is not Level.PRIVILEGED
    return policy.host_paths is not None or level or bool(policy.overrides)


def moved_fault(rules: tuple[HostPathRule, ...], path: str, paths: Mapping[str, PathFacts], *, writable: bool) -> str:
    """Return why a place, to which a path leads now and did not at first, may not be mounted, in a clause after `it`.

    Empty: it may. Only a listed directory that covers the place admits it: what a level or an exemption admitted was the
    one before.
    """
    known = [rule for rule in rules if path in paths and rule.prefix in paths]
    covering = [rule for rule in known if covers(rule.prefix, path, paths)]
    if any(not (rule.read_only and writable) for rule in covering):
        return ""
    there = printable(paths[path].real if path in paths else path)
    return f"leads to {there} now, and led elsewhere when the policy admitted it: name that place in the manifest, or undo the link"


def covers(prefix: str, path: str, paths: Mapping[str, PathFacts]) -> bool:
    """Return whether a path lies below a directory, as the node has both; by their names where nothing is known of one.

    A link out of the directory leads elsewhere, and so does what is mounted below it: both are other places, whatever
    their names. What is not there yet is compared by its name below what is.
    """
    above, below = paths.get(prefix), paths.get(path)
    if above is None or below is None:
        return _below(prefix, path)
    if not above.steps or not below.steps:
        return False
    end = above.steps[-1]
    if above.missing:
        same = below.steps[-1] == end
        return same and below.missing[: len(above.missing)] == above.missing
    for at, step in enumerate(below.steps):
        if step == end:
            return all(later.mount == end.mount for later in below.steps[at:])
    return False


def _below(prefix: str, path: str) -> bool:
    return prefix in {"/", path} or path.startswith(f"{prefix}/")
