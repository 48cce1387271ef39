"""`podstead stop-all`: end every pod, and the private runtime."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from podstead.cli.client import OWN, AgentClient, AgentUnreachableError
from podstead.cli.command import Command
from podstead.cli.options import Option, UsageError
from podstead.cli.output import say
from podstead.cli.progress import follow_work
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command: through the agent where one answers, else by what the last one left."""
    if given.words:
        raise UsageError("stop-all takes no names: a single pod is stopped by 'podstead stop POD'")
    if not given.has("yes") and not _confirmed(endpoint):
        say("nothing was stopped")
        return 1
    return stop_everything(endpoint)


def stop_everything(endpoint: Endpoint) -> int:
    """End the pods through the agent, or what one left behind, telling of it; raises PodsteadError."""
    try:
        return follow_work(AgentClient(endpoint.socket), f"{OWN}/stop-all", {})
    except AgentUnreachableError as error:
        if isinstance(error.__cause__, TimeoutError):
            raise AgentUnreachableError(f"{error}: end its process (kill -9), then say stop-all again") from error
        if not isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            raise
        return _halt(endpoint)


def _confirmed(endpoint: Endpoint) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("stop-all stops every pod of this node: add --yes where nobody can be asked")
    whose = endpoint.paths.root if endpoint.paths else endpoint.socket
    print(f"Stop every pod of {whose} and its private runtime? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _halt(endpoint: Endpoint) -> int:
    if endpoint.paths is None:
        raise OperatorError(
            f"no agent answers at {endpoint.socket}: to end the pods that one left behind, name its root directory "
            "with --root-dir DIR"
        )
    from podstead.daemon.halt import halt_instance

    return halt_instance(endpoint.paths, lambda line: say(printable(line)))


COMMAND = Command(
    usage="stop-all",
    summary="Stop every pod and the private runtime, whether or not their agent is running.",
    run=run,
    options=(Option(name="yes", short="y", help="do not ask"),),
    notes="Data stays; 'podstead run' starts the pods again.",
)
