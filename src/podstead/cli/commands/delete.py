"""`podstead delete`: take pods out of the manifest directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.manifests import FILE, node_of, read_pods
from podstead.cli.options import Takes, UsageError
from podstead.cli.output import say
from podstead.cli.pods import Pod, pod_of
from podstead.cli.waiting import WAIT, wait_gone, wait_seconds
from podstead.k8s.text import printable
from podstead.server.operations import Deletion

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    path = given.value("filename")
    if bool(path) == bool(given.words):
        raise UsageError("write: podstead delete POD…, or podstead delete -f FILE")
    seconds = wait_seconds(given)
    client = AgentClient(endpoint.socket)
    if path:
        keys = [pod.key for pod in read_pods(path, node_of(client))]
        pods = [Pod(client=client, namespace=key.namespace, name=key.name) for key in keys]
    else:
        pods = [pod_of(client, given, word) for word in given.words]
    deleted = []
    for pod in pods:
        outcome = decode(pod.delete(), Deletion)
        say(printable(_line(outcome)))
        deleted.append((pod, outcome.uid))
    if seconds is None:
        return 0
    done = [wait_gone(pod, uid, seconds) for pod, uid in deleted]
    return 0 if all(done) else 1


def _line(outcome: Deletion) -> str:
    what = "is removed" if outcome.removed else "keeps its other pods"
    return f"pod {outcome.namespace}/{outcome.name} deleted: {outcome.file} {what}"


COMMAND = Command(
    usage="delete POD… | -f FILE",
    summary="Take pods out of the manifest directory: they end by their grace period.",
    run=run,
    words=(Takes.POD,),
    many=True,
    options=(FILE, WAIT, NAMESPACE),
    notes=(
        "A file that holds nothing else is removed; of one with several pods only this one's document is. -f names the pods of\n"
        "FILE, wherever the directory has them; FILE itself stays.\n\n"
        "Examples:\n"
        "  podstead delete web --wait\n"
        "  podstead delete -f web.yaml"
    ),
)
