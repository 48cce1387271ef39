"""Where a pod's cgroup lies; pure. The layout is the kubelet's, below a root of this instance's own.

Our own root, not /kubepods: a kubelet on the same machine kills every process in a pod cgroup that it does not know
(foundation 1).
"""

from __future__ import annotations

import re

from podstead.errors import OperatorError

QOS_DIRECTORIES = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}
"""QoS class to the directory between the root and the pod (spec/kubelet-static-pods.md 5.7)."""

_ROOT = re.compile(r"^(/[A-Za-z0-9][A-Za-z0-9_.-]*)+$")
_UID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9-]*$")


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


def qos_cgroup_path(root: str, qos: str) -> str:
    """Return the cgroup of a QoS class: Guaranteed, Burstable or BestEffort; KeyError for another."""
    directory = QOS_DIRECTORIES[qos]
    return f"{root}/{directory}" if directory else root


def pod_cgroup_path(root: str, qos: str, uid: str) -> str:
    """Return the cgroup of a pod, the same path in every hierarchy; it is the sandbox's `cgroup_parent`.

    Raises:
        ValueError: the uid could leave the root.
    """
    if not _UID.match(uid):
        raise ValueError(f"not a pod uid: {uid!r}")
    return f"{qos_cgroup_path(root, qos)}/pod{uid}"


def pod_slice(root: str, qos: str, uid: str) -> str:
    """Return the pod's cgroup for the systemd driver: `podstead-ab12cd34-burstable-pod<uid with _>.slice`.

    systemd derives a slice's parents from the dashes of its name (systemd.slice(5)), so dashes inside the root's and
    the pod's own name become underscores.
    """
    parts = [part.replace("-", "_") for part in root.strip("/").split("/")]
    directory = QOS_DIRECTORIES[qos]
    names = [*parts, *([directory] if directory else []), f"pod{uid.replace('-', '_')}"]
    return "/".join(f"{'-'.join(names[: depth + 1])}.slice" for depth in range(len(names)))
