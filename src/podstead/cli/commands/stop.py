"""`podstead stop`: stop a pod until it is started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.options import Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import pod_of
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if not given.words:
        raise UsageError("write: podstead stop POD…")
    client = AgentClient(endpoint.socket)
    for word in given.words:
        say(printable(pod_of(client, given, word).order("stop")))
    return 0


COMMAND = Command(
    usage="stop POD…",
    summary="Stop pods; their files, volumes and logs stay, and so do they, also over a reboot, until podstead start.",
    run=run,
    words=(Takes.POD,),
    many=True,
    options=(NAMESPACE,),
    notes=(
        "An edit of the file of a stopped pod runs when the pod is started. A stopped pod holds neither ports nor room.\n\n"
        "Example:\n"
        "  podstead stop web && podstead start web"
    ),
)
