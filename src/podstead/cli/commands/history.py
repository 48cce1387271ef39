"""`podstead history`: the revisions of a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.client import TABLE, AgentClient
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.documents import read_json
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.pods import pod_of
from podstead.cli.tables import TablePrinter, decode_table
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if len(given.words) != 1:
        raise UsageError("write: podstead history POD")
    form = format_of(given, Format.JSON, Format.YAML)
    pod = pod_of(AgentClient(endpoint.socket), given, given.words[0])
    if form is not Format.TABLE:
        say_document(read_json(pod.get("/revisions")), form)
        return 0
    table = decode_table(pod.get("/revisions", (), TABLE))
    say(TablePrinter(headers=not given.has("no-headers")).lines(table))
    if rollback := pod.report().rollback:
        tell(printable(rollback))
    return 0


COMMAND = Command(
    usage="history POD",
    summary="Show the revisions of a pod: every content of its file that was accepted, the latest first.",
    run=run,
    words=(Takes.POD,),
    options=(
        NAMESPACE,
        output_option(Format.JSON, Format.YAML),
        Option(name="no-headers", help="leave the headers out"),
    ),
    notes=(
        "States: Effective is what runs, Candidate waits for its image or for room, LastReady was ready last, PassedOver\n"
        "stands in the file and does not run (rolled back), Failed was not ready in its time. The last ten are kept.\n\n"
        "Examples:\n"
        "  podstead history web\n"
        "  podstead diff web --revision 1f3c --revision 77ab\n"
        "  podstead rollback web --to-revision 1f3c"
    ),
)
