"""`podstead allow`: break-glass, for one content and a while."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.allowances import SHOWN_DIGITS, Allowances, time_left
from podstead.cli.answers import decode
from podstead.cli.client import OWN, segment
from podstead.cli.command import Command
from podstead.cli.documents import read_json
from podstead.cli.durations import parse_duration
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.cli.signatures import STDIN, read_content
from podstead.cli.tables import aligned
from podstead.cli.trusting import carry_out, order
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.daemon.trusting import TrustDesk

HEADER = ("FILE", "SHA-256", "LEFT", "SINCE", "REASON")


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    what, *words = (*given.words, *(given.rest or ()), "")
    if what == "list" and words == [""]:
        return _list(given, endpoint)
    if what == "end" and len(words) == 2:
        return _end(words[0], endpoint)
    if not what or what in {"list", "end"} or words != [""]:
        raise UsageError("write: podstead allow FILE --for 1h --reason TEXT, allow list, or allow end DIGEST")
    return _allow(given, what, endpoint)


def _allow(given: Given, word: str, endpoint: Endpoint) -> int:
    if not given.value("for") or not given.value("reason"):
        raise UsageError("say for how long and why: podstead allow FILE --for 1h --reason TEXT")
    seconds, reason = parse_duration(given.value("for"), "--for"), given.value("reason")
    digest = sha256(read_content(word)).hexdigest()
    file = "standard input" if word == STDIN else Path(word).name
    body: dict[str, object] = {"digest": digest, "file": file, "seconds": seconds, "reason": reason}
    said = carry_out(
        endpoint,
        lambda client: order(client, "POST", f"{OWN}/allowances", body),
        lambda desk: desk.allow(digest, file, seconds, reason),
    )
    say(printable(said))
    return 0


def _list(given: Given, endpoint: Endpoint) -> int:
    form = format_of(given, Format.JSON, Format.YAML)

    async def by_hand(desk: TrustDesk) -> bytes:
        return msgspec.json.encode({"items": desk.allowances()})

    body = carry_out(endpoint, lambda client: client.get(f"{OWN}/allowances"), by_hand, changes=False)
    if form is not Format.TABLE:
        say_document(read_json(body), form)
        return 0
    items = decode(body, Allowances).items
    if not items:
        tell("nothing is allowed, and nothing has ended of late")
        return 0
    rows = [(one.file, one.digest[:SHOWN_DIGITS], time_left(one.left), one.since, one.reason) for one in items]
    say(aligned([HEADER, *([printable(cell) for cell in row] for row in rows)], []))
    return 0


def _end(digest: str, endpoint: Endpoint) -> int:
    said = carry_out(
        endpoint,
        lambda client: order(client, "DELETE", f"{OWN}/allowances/{segment(digest)}"),
        lambda desk: desk.end_allowance(digest),
    )
    say(printable(said))
    return 0


COMMAND = Command(
    usage="allow FILE --for TIME --reason TEXT | list | end DIGEST",
    summary="Let the very bytes of a manifest run for a while although nobody signed them, or a policy forbids them.",
    run=run,
    words=(Takes.FILE,),
    options=(
        Option(name="for", value="TIME", help="for how long: from 1m to 168h (a week)"),
        Option(name="reason", value="TEXT", help="why; it goes to the audit log"),
        output_option(Format.JSON, Format.YAML),
    ),
    notes=(
        "It is bound to the content's SHA-256, survives restarts of agent and machine, and ends on the earlier of the wall clock and\n"
        "the boot clock. What has started by then runs on and is not restarted. It lifts neither the checks of who may write files nor\n"
        "what keeps pods from the agent's own files. Without an agent the state below --root-dir is changed itself."
    ),
)
