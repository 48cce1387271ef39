"""`podstead apply`: check manifests and put them into the manifest directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.answers import decode
from podstead.cli.client import OWN, AgentClient
from podstead.cli.command import Command
from podstead.cli.manifests import FILE, read_file
from podstead.cli.options import Option, UsageError
from podstead.cli.output import say, tell
from podstead.cli.pods import Pod
from podstead.cli.waiting import WAIT, wait_ready, wait_seconds
from podstead.k8s.text import printable
from podstead.server.operations import Application, AppliedPod

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

YAML = "application/yaml"


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command: 0 when everything is in place (and ready, with --wait), 1 when it is refused or not ready."""
    path = given.value("filename")
    if not path or given.words:
        raise UsageError("say what to apply: podstead apply -f FILE, or -f - for standard input")
    seconds, dry = wait_seconds(given), given.has("dry-run")
    client = AgentClient(endpoint.socket)
    query = [("dryRun", "true")] if dry else []
    answer = client.send("POST", f"{OWN}/apply", read_file(path), query, YAML)
    outcome = decode(answer, Application)
    for message in outcome.messages:
        tell(printable(message.as_line(path)))
    if outcome.reason:
        tell(f"error: {printable(path)} is rejected ({outcome.reason}): nothing was changed")
        return 1
    say(printable(_line(pod)) + (" (dry run)" if dry else "") for pod in outcome.pods)
    if seconds is None or dry:
        return 0
    pods = [(Pod(client=client, namespace=one.namespace, name=one.name), one.revision) for one in outcome.pods]
    done = [wait_ready(pod, revision, seconds) for pod, revision in pods]
    return 0 if all(done) else 1


def _line(pod: AppliedPod) -> str:
    restarts = f", restarts {pod.restarts}" if pod.restarts else ""
    return f"pod {pod.namespace}/{pod.name} {pod.outcome} in {pod.file} (revision {pod.revision}{restarts})"


COMMAND = Command(
    usage="apply -f FILE | -f -",
    summary="Check manifests and put them into the manifest directory, as a whole or not at all.",
    run=run,
    options=(
        FILE,
        WAIT,
        Option(name="dry-run", help="say what would be done and restarted; nothing is written"),
    ),
    notes=(
        "What a check refuses changes nothing. A pod goes into the file that holds it already, else into NAME.yaml; other pods of\n"
        "that file stay as they are. Files are written under a hidden name and renamed; a new one is root's and mode 0600.\n"
        "With --wait the exit code is 1 and the reasons are told when a pod is not ready in time, or was rolled back.\n\n"
        "Examples:\n"
        "  podstead apply -f web.yaml --wait\n"
        "  podstead apply -f web.yaml --dry-run\n"
        "  sed s/web:1/web:2/ web.yaml | podstead apply -f - --wait=30s"
    ),
)
