"""The screen of `podstead status`. Pure: reports in, lines out, every text made printable."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.allowances import SHOWN_DIGITS, time_left
from podstead.cli.outline import Outline
from podstead.cli.times import local_time
from podstead.k8s.readiness import held, is_ready
from podstead.k8s.text import printable
from podstead.manifest.reading import foremost
from podstead.server.port import FileReport, NodeStatusReport, RuntimeReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from podstead.cli.allowances import Allowance
    from podstead.k8s import core_v1 as v1

INSTANCE_DIGITS = 8
_OWN_COMMAND = re.compile(r"(?:^|(?<=or: ))podstead ")
OWN_PREFIX = "podstead.io/"
"""Our own conditions begin with it; each that is False has something to say."""
REJECTED = "ManifestsRejected"
"""The node's problem that says only what the verdicts say."""
SHOWN = 10
"""Of pods, files and problems no more are listed: it is one screen."""


class Status(NodeStatusReport, frozen=True, kw_only=True, rename="camel"):
    """The node's facts, its files (of manifests, of objects) counted by verdict and its pods by phase."""

    files: dict[str, int] = msgspec.field(default_factory=dict)
    object_files: dict[str, int] = msgspec.field(default_factory=dict)
    pods: dict[str, int] = msgspec.field(default_factory=dict)
    pods_ready: int = 0


def overview(
    status: Status,
    files: Sequence[FileReport],
    pods: Sequence[v1.Pod],
    flags: str = "",
    allowances: Sequence[Allowance] = (),
) -> list[str]:
    """Return the screen. `flags` are those that name this agent; what to type next needs them as well."""
    refused = [report for report in files if report.verdict == "Rejected"]
    if not refused:  # problems are gathered every few seconds, files are asked for now
        status = msgspec.structs.replace(status, problems=tuple(p for p in status.problems if p.reason != REJECTED))
    waiting = [(pod, why) for pod in pods if (why := why_not_ready(pod))]
    lines = list(_facts(status).lines())
    lines += _section("Not ready", [f"{_key(pod)}: {why}" for pod, why in waiting])
    lines += _section("Files that are not run", [_file(report) for report in refused])
    lines += _section("Let through for a while", [_allowance(one) for one in allowances if one.left])
    lines += _section("Worth knowing", list(_remarks(pods)))
    lines += _section("Wrong", [f"{problem.reason}: {problem.message}" for problem in status.problems])
    advice: Iterable[str] = dict.fromkeys(_advice(status, refused, [pod for pod, _ in waiting]))
    if flags:
        advice = (_OWN_COMMAND.sub(lambda _: f"podstead {flags} ", text) for text in advice)
    return [*lines, *_section("Next", list(advice))]


def _allowance(one: Allowance) -> str:
    return f"{one.file}: {time_left(one.left)} more: {one.reason} (podstead allow end {one.digest[:SHOWN_DIGITS]})"


def why_not_ready(pod: v1.Pod) -> str:
    """Return why a pod is not ready, in one line; empty when it is, or when it has done its work."""
    status = pod.status
    if status is None or status.phase == "Succeeded":
        return ""
    if is_ready(pod):
        return ""
    if status.phase == "Failed" and status.reason:
        return ": ".join(part for part in (status.reason, status.message) if part)
    for container in status.init_container_statuses:
        if not container.ready and not container.started and container.state and container.state.running:
            return f"container {container.name}: runs, and the containers after it wait for it"
    for container in (*status.init_container_statuses, *status.container_statuses):
        if container.ready:
            continue
        state = container.state
        if state is not None and state.waiting is not None and state.waiting.reason:
            return _sentence(container.name, state.waiting.reason, state.waiting.message)
        if state is not None and state.terminated is not None and state.terminated.exit_code:
            reason = f"{state.terminated.reason or 'ended'} (exit code {state.terminated.exit_code})"
            return _sentence(container.name, reason, None)
    if status.reason or status.message:
        return ": ".join(part for part in (status.reason, status.message) if part)
    for condition in status.conditions:
        if condition.status == "False" and condition.message:
            return f"{condition.reason or condition.type}: {condition.message}"
    return status.phase or "Unknown"


def _remarks(pods: Sequence[v1.Pod]) -> Iterator[str]:
    """Yield what our own conditions say: held pods, edits that wait or went back, configuration newer than the pod."""
    for pod in pods:
        if why := held(pod):
            yield f"{_key(pod)}: held, so what ends of it is not started again: {why.reason}: {why.message}"
        for condition in pod.status.conditions if pod.status else ():
            if condition.type.startswith(OWN_PREFIX) and condition.status == "False":
                yield f"{_key(pod)}: {condition.message or condition.reason}"


def _sentence(container: str, reason: str, message: str | None) -> str:
    return f"container {container}: {reason}" + (f": {message}" if message else "")


def _facts(status: Status) -> Outline:
    outline = Outline()
    address = f" ({status.address})" if status.address else ""
    outline.add("Node", f"{status.node}{address}, {'ready' if status.ready else 'NOT READY'}")
    since = f", since {local_time(status.started_at)}" if status.started_at else ""
    outline.add("Agent", f"podstead {status.version}, instance {status.instance[:INSTANCE_DIGITS]}{since}")
    outline.add("Root", status.root)
    outline.add("Runtime", _runtime(status.runtime))
    watched = " and ".join(part for part in (status.directory, status.url) if part)
    outline.add("Manifests", f"{watched or 'none'}: {_counted(status.files, 'file')}")
    if status.objects:
        outline.add("Objects", f"{status.objects}: {_counted(status.object_files, 'file')}")
    if status.signatures:
        outline.add("Signatures", status.signatures)
    if status.policy:
        outline.add("Policy", status.policy)
    if status.shutdown:
        outline.add("Shutdown", status.shutdown)
    outline.add("Pods", f"{_counted(status.pods, 'pod')}; {status.pods_ready} ready")
    return outline


def _runtime(runtime: RuntimeReport) -> str:
    if not runtime.name and not runtime.ready:
        return f"none answers{': ' + runtime.message if runtime.message else ''}"
    parts = [f"{runtime.name} {runtime.version}".strip()]
    parts += [f"with {runtime.oci_runtime}"] if runtime.oci_runtime else []
    whose = "private" if runtime.private else f"at {runtime.endpoint}"
    state = "ready" if runtime.ready else f"NOT READY{': ' + runtime.message if runtime.message else ''}"
    network = "" if runtime.network_ready else ", pod network NOT READY"
    return f"{' '.join(parts)}, {whose}, {state}{network}"


def _counted(counts: Mapping[str, int], noun: str) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    return f"{total} {noun if total == 1 else noun + 's'}" + (f" ({parts})" if parts else "")


def _section(title: str, texts: list[str]) -> list[str]:
    if not texts:
        return []
    shown = [f"  {printable(text)}" for text in texts[:SHOWN]]
    more = [f"  … and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return ["", f"{title}:", *shown, *more]


def _key(pod: v1.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _file(report: FileReport) -> str:
    text = f"{report.path.rsplit('/', 1)[-1]}: {report.reason}"
    if report.messages:
        text += f": {foremost(report.messages)[0].placed}"
    return text + (f" (revision {report.running} goes on)" if report.running else "")


def _advice(status: Status, refused: Sequence[FileReport], waiting: Sequence[v1.Pod]) -> Iterator[str]:
    """Yield what to type, what matters most first."""
    for problem in status.problems:
        if problem.advice:
            yield problem.advice
    for pod in waiting[:1]:
        name = f"-n {pod.metadata.namespace} {pod.metadata.name}"
        yield f"podstead describe pod {name}"
        if any(container.restart_count for container in (pod.status.container_statuses if pod.status else ())):
            yield f"podstead logs --previous {name}"
    for report in refused[:1]:
        judged_alone = any(message.line for message in report.messages)
        yield f"podstead check {shlex.quote(report.path)}" if judged_alone else "podstead get files -o wide"
    if not (status.problems or waiting or refused):
        yield "podstead get pods -A" if sum(status.pods.values()) else f"cp pod.yaml {status.directory or 'DIR'}/"
