"""Waits until a pod has become what was asked for, or says why it has not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import ApiRefusedError
from podstead.cli.durations import parse_duration
from podstead.cli.options import Option, UsageError
from podstead.cli.output import say, tell
from podstead.cli.overview import OWN_PREFIX, why_not_ready
from podstead.cli.resources import EVENTS, FILES
from podstead.errors import OperatorError, PodsteadError
from podstead.k8s import core_v1 as v1  # noqa: TC001 - msgspec resolves the annotation at run time
from podstead.k8s.text import printable
from podstead.manifest.reading import foremost
from podstead.server.port import FileReport  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cli.options import Given
    from podstead.cli.pods import Pod
    from podstead.server.operations import PodReport

POLL_SECONDS = 0.2
SHOWN_EVENTS = 5
WAIT = Option(
    name="wait", value="DURATION", bare="2m", help="wait until it is done, for 2m or as long as is said (--wait=30s)"
)


class _Files(msgspec.Struct):
    items: tuple[FileReport, ...] = ()


class _Events(msgspec.Struct):
    items: tuple[v1.Event, ...] = ()


def wait_seconds(given: Given) -> float | None:
    """Return how long to wait, None for not at all; raises UsageError."""
    text = given.value("wait")
    if not text:
        return None
    try:
        return parse_duration(text, "--wait")
    except OperatorError as error:
        raise UsageError(str(error)) from error


def wait_ready(pod: Pod, revision: str, seconds: float) -> bool:
    """Wait until a pod is ready under a revision, any one where it is empty; else tell why it is not."""
    end = time.monotonic() + seconds
    why = "the agent has not taken it up yet"
    while time.monotonic() < end:
        report = _report(pod)
        if report is not None:
            if report.ready and report.effective == (revision or report.effective) and not report.candidate:
                say(f"{pod} is ready under revision {report.effective}")
                return True
            if final := _final(pod, report, revision):
                why = final
                break
            why = ""
        time.sleep(POLL_SECONDS)
    else:
        tell(f"{pod} is not ready after {seconds:g} s")
    for line in [printable(why)] if why else _reasons(pod):
        tell(line)
    return False


def wait_gone(pod: Pod, uid: str, seconds: float) -> bool:
    """Wait until an incarnation of a pod has ended; else tell that it has not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        report = _report(pod)
        if report is None or report.uid != uid:
            say(f"{pod} is gone")
            return True
        time.sleep(POLL_SECONDS)
    tell(f"{pod} has not ended after {seconds:g} s: podstead describe pod {pod.words}")
    return False


def _report(pod: Pod) -> PodReport | None:
    try:
        return pod.report()
    except ApiRefusedError as error:
        if error.code == 404:
            return None
        raise


def _final(pod: Pod, report: PodReport, revision: str) -> str:
    """Return why waiting on is of no use; empty while it may be."""
    if report.stopped:
        return f"{pod} is stopped: podstead start lets it run again"
    if report.passed_over and report.passed_over == revision:
        return f"{report.rollback}; to try it again: podstead rollback {pod.words} --to-revision {revision}"
    status = pod.object().status
    if status is not None and status.phase == "Failed" and report.effective == (revision or report.effective):
        return why_not_ready(pod.object()) or "it has failed"
    return ""


def _reasons(pod: Pod) -> Iterator[str]:
    """Yield what is known of why a pod is not ready: its state, its edit, its file, its last warnings."""
    try:
        found = pod.object()
    except PodsteadError:
        return
    if why := why_not_ready(found):
        yield printable(f"  {why}")
    for condition in found.status.conditions if found.status else ():
        if condition.type.startswith(OWN_PREFIX) and condition.status == "False":
            yield printable(f"  {condition.reason}: {condition.message or ''}")
    name = f"{found.metadata.namespace}/{found.metadata.name}"
    for report in decode(pod.client.get(FILES.path()), _Files).items:
        if report.verdict == "Rejected" and name in report.pods:
            text = foremost(report.messages)[0].placed if report.messages else ""
            yield printable(f"  {report.path}: {report.reason}: {text}")
    uid = found.metadata.annotations.get("kubernetes.io/config.hash", "")
    events = decode(pod.client.get(EVENTS.path(pod.namespace)), _Events).items
    warnings = [e for e in events if e.type == "Warning" and e.involved_object.uid == uid]
    # What a container waits for is in its events too, under every reason that it had.
    latest = {
        e.message: e for e in sorted(warnings, key=lambda e: e.last_timestamp or "") if (e.message or "") not in why
    }
    for event in list(latest.values())[-SHOWN_EVENTS:]:
        yield printable(f"  {event.reason}: {event.message}")
