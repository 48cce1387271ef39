"""`podstead restart`: restart a pod's containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import pod_of
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if len(given.words) != 1:
        raise UsageError("write: podstead restart POD [-c CONTAINER]")
    pod = pod_of(AgentClient(endpoint.socket), given, given.words[0])
    say(printable(pod.order("restart", container=given.value("container"))))
    return 0


COMMAND = Command(
    usage="restart POD [-c CONTAINER]",
    summary="Restart a pod's containers, one after another in the manifest's order, or one of them.",
    run=run,
    words=(Takes.POD,),
    options=(
        Option(name="container", short="c", value="NAME", help="restart only this container", takes=Takes.CONTAINER),
        NAMESPACE,
    ),
    notes=(
        "Each is stopped by its preStop hook and grace period. The sandbox, the address and the volumes stay, no restart is\n"
        "counted, and a crash loop's back-off ends.\n\n"
        "Examples:\n"
        "  podstead restart web\n"
        "  podstead restart web -c proxy"
    ),
)
