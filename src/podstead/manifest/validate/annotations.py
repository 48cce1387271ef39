"""Rules for what a pod's author asks of this agent by annotations; no message shows what stands in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.annotations import AUTHORS, CONFIG_FILES, PREFIX, PROGRESS_DEADLINE, RESTART_ON_CHANGE, START_AFTER
from podstead.k8s.configuration import config_files
from podstead.manifest.gate import deadline_problem
from podstead.manifest.problems import ProblemKind
from podstead.manifest.start_after import start_after_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.manifest.validate.findings import Findings

MOST_FILES = 16
"""A service with more files of its own names the one that includes the others."""


def validate_agent_annotations(pod: v1.Pod, found: Findings) -> None:
    """Judge the annotations that this agent reads, and remark on those that it would read if they were spelt well."""
    for key in pod.metadata.annotations:
        field = f"metadata.annotations[{key}]"
        if (rule := _RULES.get(key)) is not None:
            for sentence in rule(pod):
                found.invalid(field, sentence)
        elif key.startswith(PREFIX):
            found.warn(ProblemKind.NOT_SUPPORTED, field, f"no annotation of this name is read{_meant(key)}")


def _start_after(pod: v1.Pod) -> Iterator[str]:
    if (sentence := start_after_problem(pod)) is not None:
        yield sentence


def _progress_deadline(pod: v1.Pod) -> Iterator[str]:
    if (sentence := deadline_problem(pod.metadata.annotations[PROGRESS_DEADLINE])) is not None:
        yield sentence


def _restart_on_change(pod: v1.Pod) -> Iterator[str]:
    if pod.metadata.annotations[RESTART_ON_CHANGE] not in {"true", "false"}:
        yield 'expected "true" or "false"'


def _config_files(pod: v1.Pod) -> Iterator[str]:
    paths = config_files(pod)
    if not paths:
        yield "expected paths on the node, separated by commas; or remove the annotation"
    if len(paths) > MOST_FILES:
        yield f"got {len(paths)} paths, at most {MOST_FILES} are watched for a pod"
    for number, path in enumerate(paths, start=1):
        if not path.startswith("/"):
            yield f"path {number} must be absolute: begin it with '/'"
        elif ".." in path.split("/"):
            yield f"path {number} must not contain '..'"
        elif "\0" in path or not path.isprintable():
            yield f"path {number} holds a character that cannot be printed: rename the file"
        elif path.endswith("/"):
            yield f"path {number} must be that of a file, not of a directory"


_RULES: dict[str, Callable[[v1.Pod], Iterator[str]]] = {
    START_AFTER: _start_after,
    PROGRESS_DEADLINE: _progress_deadline,
    CONFIG_FILES: _config_files,
    RESTART_ON_CHANGE: _restart_on_change,
}


def _meant(key: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 1 MiB that only a slip needs

    near = get_close_matches(key[:64], AUTHORS, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else f": write one of {', '.join(AUTHORS)}"
