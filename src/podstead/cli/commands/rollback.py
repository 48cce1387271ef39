"""`podstead rollback`: let a pod run an earlier revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import pod_of
from podstead.cli.waiting import WAIT, wait_ready, wait_seconds
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if len(given.words) != 1:
        raise UsageError("write: podstead rollback POD [--to-revision ID]")
    seconds = wait_seconds(given)
    pod = pod_of(AgentClient(endpoint.socket), given, given.words[0])
    say(printable(pod.order("rollback", revision=given.value("to-revision"))))
    if seconds is None:
        return 0
    report = pod.report()
    return 0 if wait_ready(pod, report.candidate or report.effective, seconds) else 1


COMMAND = Command(
    usage="rollback POD [--to-revision ID]",
    summary="Let a pod run an earlier revision; the file stays as it is, and the pod so until the file changes.",
    run=run,
    words=(Takes.POD,),
    options=(
        Option(
            name="to-revision",
            value="ID",
            help="a revision of 'podstead history' (default: the one before)",
            takes=Takes.REVISION,
        ),
        WAIT,
        NAMESPACE,
    ),
    notes=(
        "The revision comes by the way of an edit: its image is there before anything stops, and only what differs restarts.\n"
        "A rollback to what the file says makes the pod follow its file again.\n\n"
        "Examples:\n"
        "  podstead rollback web\n"
        "  podstead rollback web --to-revision 1f3c --wait=30s"
    ),
)
