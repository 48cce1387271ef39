"""`podstead start`: start pods that were stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.options import Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import pod_of
from podstead.cli.waiting import WAIT, wait_ready, wait_seconds
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if not given.words:
        raise UsageError("write: podstead start POD…")
    seconds = wait_seconds(given)
    client = AgentClient(endpoint.socket)
    pods = [pod_of(client, given, word) for word in given.words]
    for pod in pods:
        say(printable(pod.order("start")))
    if seconds is None:
        return 0
    done = [wait_ready(pod, "", seconds) for pod in pods]
    return 0 if all(done) else 1


COMMAND = Command(
    usage="start POD…",
    summary="Start pods that were stopped by 'podstead stop'.",
    run=run,
    words=(Takes.POD,),
    many=True,
    options=(WAIT, NAMESPACE),
    notes="Example:\n  podstead start web --wait",
)
