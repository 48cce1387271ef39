"""`podstead trust`: what the node trusts, and root's word about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import OWN
from podstead.cli.command import Command
from podstead.cli.documents import read_json
from podstead.cli.options import Option, Takes, UsageError, nearest
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.cli.signatures import SUFFIX, read_content, replace_files
from podstead.cli.trusting import carry_out, order
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.k8s.text import printable
from podstead.server.trust import TrustReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.daemon.trusting import TrustDesk


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    what, *words = given.words or ("show",)
    action = ACTIONS.get(what)
    if action is None:
        near = nearest(what, ACTIONS)
        hint = f"did you mean {near}?" if near else f"take {', '.join(ACTIONS)}"
        raise UsageError(f"there is no 'trust {printable(what)}': {hint}")
    if len(words) != (1 if what == "rotate" else 0):
        raise UsageError(f"write: podstead trust {USAGE[what]}")
    if state := given.value("state-dir"):
        endpoint = replace(endpoint, guard=Path(state).absolute())
    return action(given, endpoint, words)


def _show(given: Given, endpoint: Endpoint, words: list[str]) -> int:  # noqa: ARG001 - an action's signature
    form = format_of(given, Format.JSON, Format.YAML)

    async def by_hand(desk: TrustDesk) -> bytes:
        return msgspec.json.encode(desk.trust())

    body = carry_out(endpoint, lambda client: client.get(f"{OWN}/trust"), by_hand, changes=False)
    if form is not Format.TABLE:
        say_document(read_json(body), form)
    else:
        say(printable(line) for line in _lines(decode(body, TrustReport)))
    return 0


def _lines(report: TrustReport) -> Iterator[str]:
    told = "" if report.configured == report.mode else f" (configured: {report.configured})"
    yield f"mode:     {report.mode}{told if report.configured else ' (last in force)'}"
    index = f"version {report.accepted}, SHA-256 {report.accepted_digest}"
    yield f"index:    {index if report.accepted is not None else 'none accepted yet'}"
    yield f"floor:    {report.floor if report.floor is not None else 'none'}"
    named = f": {', '.join(report.principals)}" if report.principals else ""
    yield f"signers:  {f'SHA-256 {report.signers}' if report.signers else 'none in force'}{named}"
    if report.lowered:
        yield f"lowered:  {report.lowered}"
    for note in report.notes:
        yield f"note:     {note}"


def _init(given: Given, endpoint: Endpoint, words: list[str]) -> int:  # noqa: ARG001 - an action's signature
    text = given.value("floor")
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise UsageError("say from which version of the index on it counts: podstead trust init --floor N")
    floor = int(text)
    said = carry_out(
        endpoint,
        lambda client: order(client, "POST", f"{OWN}/trust/floor", {"floor": floor}),
        lambda desk: desk.set_floor(floor),
    )
    say(printable(said))
    return 0


def _lower(given: Given, endpoint: Endpoint, words: list[str]) -> int:  # noqa: ARG001 - an action's signature
    mode, reason = given.value("mode"), given.value("reason")
    if mode not in set(SignatureMode) or not reason:
        raise UsageError("write: podstead trust lower --mode off|warn --reason TEXT")
    said = carry_out(
        endpoint,
        lambda client: order(client, "POST", f"{OWN}/trust/mode", {"mode": mode, "reason": reason}),
        lambda desk: desk.lower_mode(mode, reason),
    )
    say(printable(said))
    return 0


def _rotate(given: Given, endpoint: Endpoint, words: list[str]) -> int:
    signers = read_content(words[0])
    beside, reason = given.value("signature") or f"{words[0]}{SUFFIX}", given.value("reason")
    # None is needed where the signers in force are lost; where one is, the agent says so, and how to make it.
    signature = read_content(beside) if given.value("signature") or Path(beside).exists() else b""
    body: dict[str, object] = {"signers": signers, "signature": signature, **({"reason": reason} if reason else {})}

    async def by_hand(desk: TrustDesk) -> str:
        said = await desk.rotate_signers(signers, signature, reason)
        target = Path(given.value("allowed-signers") or SecuritySettings().allowed_signers)
        signed = {target.with_name(f"{target.name}{SUFFIX}"): signature} if signature else {}
        replace_files({**signed, target: signers})
        return said

    say(printable(carry_out(endpoint, lambda client: order(client, "POST", f"{OWN}/trust/signers", body), by_hand)))
    return 0


ACTIONS: dict[str, Callable[[Given, Endpoint, list[str]], int]] = {
    "show": _show,
    "init": _init,
    "lower": _lower,
    "rotate": _rotate,
}
USAGE = {
    "show": "show [-o json]",
    "init": "init --floor N",
    "lower": "lower --mode off|warn --reason TEXT",
    "rotate": "rotate NEW_SIGNERS [--signature FILE | --reason TEXT]",
}

COMMAND = Command(
    usage="trust show | init --floor N | lower --mode MODE --reason TEXT | rotate NEW_SIGNERS",
    summary="Show what the node trusts: mode, index, floor, signers; or give root's word about it.",
    run=run,
    words=(tuple(ACTIONS), Takes.FILE),
    options=(
        Option(name="floor", value="N", help="with init: the lowest version of an index that counts"),
        Option(
            name="mode",
            value="MODE",
            choices=tuple(SignatureMode),
            help="with lower: the signature mode that may be in force from now on",
        ),
        Option(
            name="reason",
            value="TEXT",
            help="with lower: why; with rotate, where the signers in force are lost: why others count; it goes to the audit log",
        ),
        Option(
            name="signature",
            value="FILE",
            takes=Takes.FILE,
            help="with rotate: the signature by a key of the present signers (default: the file's name and .sig)",
        ),
        Option(
            name="allowed-signers",
            value="FILE",
            takes=Takes.FILE,
            help="with rotate, where no agent runs: the configured file (default: /etc/podstead/allowed_signers)",
        ),
        Option(
            name="state-dir",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="a guard's state directory: its trust is meant, not an agent's; to change it stop the guard",
        ),
        output_option(Format.JSON, Format.YAML),
    ),
    notes=(
        "Without an agent the state below --root-dir is shown and changed itself; a guard's is that of --state-dir.\n"
        "New signers are signed with: podstead sign --signature-namespace podstead.io/trust --key KEY NEW_SIGNERS"
    ),
)
