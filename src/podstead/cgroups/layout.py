"""Where a pod's cgroup lies; pure. The layout is the kubelet's, below a root of this instance's own.

Our own root, not /kubepods: a kubelet on the same machine kills every process in a pod cgroup that it does not know
(foundation 1). A root whose name ends with `.slice` belongs to systemd, and so does everything below it; CRI runtimes
tell the two drivers apart by the same suffix.
"""

from __future__ import annotations

import re
from enum import StrEnum

from podstead.errors import OperatorError

QOS_DIRECTORIES = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}
"""QoS class to the directory between the root and the pod (spec/kubelet-static-pods.md 5.7)."""
SLICE = ".slice"

_ROOT = re.compile(r"^(/[A-Za-z0-9][A-Za-z0-9_.-]*)+$")
_UID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]*$")


class Driver(StrEnum):
    """Who makes cgroups: agent and runtime themselves, or systemd on their behalf. Both must agree."""

    CGROUPFS = "cgroupfs"
    SYSTEMD = "systemd"


def check_root(root: str) -> str:
    """Return the instance's cgroup root as it is.

    Raises:
        OperatorError: it is the root of all cgroups, or no plain absolute path.
    """
    if not _ROOT.match(root):
        raise OperatorError(
            f"cannot use the cgroup root {root!r}: write an absolute path of plain names, such as /podstead"
        )
    return root


def driver_of(root: str) -> Driver:
    """Return the driver that a root belongs to."""
    return Driver.SYSTEMD if root.endswith(SLICE) else Driver.CGROUPFS


def slice_root(root: str) -> str:
    """Return the root `/podstead-ab12` for the systemd driver: `/podstead_ab12.slice`.

    systemd derives a slice's parents from the dashes of its name (systemd.slice(5)), so dashes inside a name become
    underscores, as the kubelet has it. A root of systemd's stays as it is.
    """
    if driver_of(root) is Driver.SYSTEMD:
        return root
    names = [part.replace("-", "_") for part in root.strip("/").split("/")]
    return "".join(f"/{'-'.join(names[: depth + 1])}{SLICE}" for depth in range(len(names)))


def root_for(root: str, driver: Driver) -> str:
    """Return an instance's root as a driver names it; `root` is the one of cgroupfs."""
    return slice_root(root) if driver is Driver.SYSTEMD else root


def both_roots(root: str) -> tuple[str, str]:
    """Return the root of either driver: what is left of another start may lie below the other one."""
    return root, slice_root(root)


def qos_cgroup_path(root: str, qos: str) -> str:
    """Return the cgroup of a QoS class: Guaranteed, Burstable or BestEffort; KeyError for another."""
    directory = QOS_DIRECTORIES[qos]
    return _child(root, directory) if directory else root


def pod_cgroup_path(root: str, qos: str, uid: str) -> str:
    """Return the cgroup of a pod, the same path in every hierarchy; it is the sandbox's `cgroup_parent`.

    With a root of systemd's it is the path of slices: `/kubepods.slice/kubepods-podA_B.slice`.

    Raises:
        ValueError: the uid could leave the root.
    """
    if not _UID.match(uid):
        raise ValueError(f"not a pod uid: {uid!r}")
    return _child(qos_cgroup_path(root, qos), f"pod{uid}")


def _child(parent: str, name: str) -> str:
    if driver_of(parent) is Driver.CGROUPFS:
        return f"{parent}/{name}"
    unit = parent.rpartition("/")[2].removesuffix(SLICE)
    return f"{parent}/{unit}-{name.replace('-', '_')}{SLICE}"
