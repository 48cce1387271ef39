"""Manifest files held against a level of the Pod Security Standards, and against nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.checked import Checked
from podstead.k8s.text import printable
from podstead.manifest.reading import Message, Severity
from podstead.manifest.undecided import read_undecided
from podstead.policy.pod_security.evaluate import violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.manifest.armour import Limits
    from podstead.manifest.undecided import UndecidedPod
    from podstead.policy.pod_security.levels import Standard

REASON = "PodSecurity"
UNNAMED = "(without a name)"


def judge_security(path: str, data: bytes, standard: Standard, limits: Limits, *, strict: bool) -> Checked:
    """Return what a level says of a file: rejected with each violated control, or accepted.

    Whether this agent supports all that the pods ask for is not asked: the verdict is the level's alone.
    """
    read = read_undecided(data, limits, strict=strict)
    names = tuple(_name(one) for one in read.pods)
    if read.reason:
        return Checked(path=path, verdict="Rejected", reason=read.reason, messages=read.messages)
    found = tuple(message for one in read.pods for message in _violated(one, standard))
    return Checked(
        path=path,
        verdict="Rejected" if found else "Accepted",
        reason=f"{REASON} {standard}" if found else "",
        messages=(*read.messages, *sorted(found)),
        pods=names,
    )


def _violated(one: UndecidedPod, standard: Standard) -> Iterator[Message]:
    for violation in violations(one.pod, standard):
        line, column = one.places.closest(violation.field)
        yield Message(
            line=line,
            column=column,
            field=printable(violation.field),
            severity=Severity.ERROR,
            message=f"{violation.control} ({standard}): {violation.problem}",
        )


def _name(one: UndecidedPod) -> str:
    metadata = one.pod.metadata
    return f"{metadata.namespace or 'default'}/{metadata.name or UNNAMED}"
