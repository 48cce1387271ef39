"""The attacks: what is tried, by whom, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Adversary(StrEnum):
    """Who tries."""

    CONTAINER = "a container"
    """Code in a pod that the agent runs, root in there."""
    LOCAL_USER = "a local user"
    """Somebody with a shell on the node who is not root."""
    PIPELINE = "the delivery"
    """Whoever brings files into the manifest directory, or has got that far: no signing key."""
    KEYLESS_ROOT = "root without the key"
    """Root on the node, or who has been: no signing key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One way in. `outcome` says what the node does instead."""

    id: str
    attack: str
    adversary: Adversary
    outcome: str


_C, _L, _P, _R = Adversary.CONTAINER, Adversary.LOCAL_USER, Adversary.PIPELINE, Adversary.KEYLESS_ROOT

ATTACKS = (
    Attack(
        id="planted-pod",
        attack="drop a privileged pod into the directory",
        adversary=_P,
        outcome="refused: nobody signed it, and policy forbids what equals root",
    ),
    Attack(
        id="edited-image",
        attack="edit the image of a running pod",
        adversary=_P,
        outcome="refused; the last good content runs on",
    ),
    Attack(
        id="moved-tag",
        attack="re-point the image's tag and kill the container",
        adversary=_R,
        outcome="the pinned image starts, or the pod waits: another image never runs",
    ),
    Attack(
        id="symbolic-link",
        attack="swap a manifest, or a part of its path, for a symbolic link",
        adversary=_L,
        outcome="refused: links are never followed",
    ),
    Attack(id="hard-link", attack="hard-link a manifest to a file that others write", adversary=_L, outcome="refused"),
    Attack(
        id="rename",
        attack="rename another file over a manifest, or a manifest to another name",
        adversary=_P,
        outcome="refused: the index binds names to digests",
    ),
    Attack(
        id="bind-mount",
        attack="mount another directory over the manifest directory",
        adversary=_R,
        outcome="nothing of it runs and nothing is removed: it is another directory",
    ),
    Attack(
        id="check-then-read",
        attack="exchange a file between its check and its reading",
        adversary=_L,
        outcome="the bytes that were checked are the bytes that are parsed",
    ),
    Attack(
        id="writable-place",
        attack="write into a directory, a parent or a file that lets others write",
        adversary=_L,
        outcome="nothing new is taken from such a place",
    ),
    Attack(
        id="half-a-pair",
        attack="write a manifest and its signature in either order, or remove the signature",
        adversary=_P,
        outcome="Pending for 10 s, then refused; the last good content runs on",
    ),
    Attack(
        id="replay",
        attack="put an older signed set back",
        adversary=_P,
        outcome="refused: versions only rise",
    ),
    Attack(
        id="deleted-index",
        attack="remove the index, so that older signatures count again",
        adversary=_P,
        outcome="refused: a node that had an index wants one",
    ),
    Attack(
        id="removed-file",
        attack="remove a file that the index lists",
        adversary=_P,
        outcome="its pods run on; it is an alarm, not a removal",
    ),
    Attack(
        id="freeze",
        attack="withhold new sets until the index has expired",
        adversary=_P,
        outcome="nothing new is taken; what was admitted runs and restarts, Degraded",
    ),
    Attack(
        id="other-nodes-set",
        attack="bring another node's signed set",
        adversary=_P,
        outcome="refused: the index names its node",
    ),
    Attack(
        id="clock-back",
        attack="set the clock to 1970 and reboot, so that revoked, old or expired things count",
        adversary=_R,
        outcome="what was admitted runs; nothing new is taken, and nothing that has ended is prolonged",
    ),
    Attack(
        id="other-purpose",
        attack="put a signature made for one purpose in another's place",
        adversary=_P,
        outcome="refused, for every pair of purposes",
    ),
    Attack(
        id="untrusted-key",
        attack="sign well with a key that nobody trusts, or one that was revoked",
        adversary=_P,
        outcome="refused",
    ),
    Attack(
        id="lowered-mode",
        attack="start the agent with a lower signature mode, or another trust store",
        adversary=_R,
        outcome="the stricter mode and the old store hold until they are changed in due form",
    ),
    Attack(
        id="reads-differently",
        attack="duplicate keys, several documents: one meaning for the reviewer, another for the node",
        adversary=_P,
        outcome="refused, or judged as it would run",
    ),
    Attack(
        id="yaml-bomb",
        attack="alias bombs, deep nesting, 100,000 files",
        adversary=_P,
        outcome="bounded: refused in bounded time, others' probes go on",
    ),
    Attack(
        id="homoglyph",
        attack="names that look like another's",
        adversary=_P,
        outcome="refused: names are ASCII",
    ),
    Attack(
        id="mounted-directory",
        attack="a pod that mounts the manifest directory: itself, a parent, a bind mount, /proc/1/root",
        adversary=_C,
        outcome="refused, and looked at again when it is mounted",
    ),
    Attack(
        id="swapped-host-path",
        attack="swap a hostPath for a link, to the manifest directory or anywhere, once it was admitted",
        adversary=_C,
        outcome="what was checked is what is mounted; what leads elsewhere at a start is judged again",
    ),
    Attack(
        id="borrowed-name",
        attack="take namespace and name of a pod that has an exemption",
        adversary=_P,
        outcome="refused: exemptions bind to the signer and to the exempted values",
    ),
    Attack(
        id="mirror-annotation",
        attack="set kubernetes.io/config.mirror by hand",
        adversary=_P,
        outcome="refused, or without effect",
    ),
    Attack(
        id="own-configuration",
        attack="re-point the agent's own configuration, policy or trust store",
        adversary=_R,
        outcome="reported while it runs; a place that others can write stops the start",
    ),
    Attack(
        id="pushed-out",
        attack="a node-critical pod of the whole node's size beside the database",
        adversary=_P,
        outcome="policy says who may preempt; the database answers",
    ),
    Attack(
        id="flood",
        attack="100,000 files, or refusals without end",
        adversary=_P,
        outcome="bounded work, bounded log; the alarm stays readable",
    ),
    Attack(
        id="hostile-strings",
        attack="escape sequences, bidi marks, <script> and a secret in every string",
        adversary=_P,
        outcome="escaped, and the secret nowhere",
    ),
    Attack(
        id="foreign-container",
        attack="make a container at the runtime's socket, behind the agent's back",
        adversary=_R,
        outcome="reported within 5 s, and stopped where that is asked for",
    ),
    Attack(
        id="edited-audit",
        attack="edit, cut, reorder or roll back the audit log",
        adversary=_R,
        outcome="found against any checkpoint kept elsewhere",
    ),
    Attack(
        id="full-disk",
        attack="fill the disk to blind the log or to stop the pods",
        adversary=_L,
        outcome="pods run on, and the gap is recorded",
    ),
    Attack(
        id="expression-bomb",
        attack="a policy expression, or an object under one, that costs without end",
        adversary=_P,
        outcome="stopped at its bound, and refused",
    ),
    Attack(
        id="mount-option",
        attack="write an option of mount(8) in the place of a volume's server",
        adversary=_P,
        outcome="refused; nothing that a manifest says is ever an option",
    ),
    Attack(
        id="prolonged-allowance",
        attack="prolong a break-glass by the clock, a restart or another content",
        adversary=_R,
        outcome="it ends on the earlier of two clocks and binds to one content",
    ),
    Attack(
        id="rolled-back-pod",
        attack="roll a pod back to a content that keys or policy no longer admit",
        adversary=_P,
        outcome="refused, by hand and by the progress deadline",
    ),
    Attack(
        id="false-kubelet",
        attack="a process that is only called kubelet, to mislead the inspection",
        adversary=_L,
        outcome="told apart by executable and owner, and reported",
    ),
    Attack(
        id="planted-behind-guard",
        attack="write into the directory that the guard publishes",
        adversary=_R,
        outcome="reported and taken out; with the guard dead nothing new runs",
    ),
)
