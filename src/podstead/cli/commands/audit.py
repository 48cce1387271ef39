"""`podstead audit`: what was done on this node, and whether the record of it is whole."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.audit import key_file
from podstead.audit.cef import cef_line
from podstead.audit.checkpoint import read_checkpoints
from podstead.audit.reader import Place, Unreadable, examine_log, last_checkpoint, read_log
from podstead.audit.sealing import KeyTextError, read_verification_key
from podstead.cli.auditing import HEADERS, document_of, row_of, verdict_lines
from podstead.cli.command import Command
from podstead.cli.documents import json_line
from podstead.cli.durations import parse_duration
from podstead.cli.endpoint import root_of
from podstead.cli.options import Option, Takes, UsageError, nearest
from podstead.cli.output import Format, format_of, output_option, say, tell
from podstead.cli.tables import aligned
from podstead.clock import SystemClock
from podstead.config.paths import paths_for
from podstead.errors import OperatorError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.records import Record
    from podstead.audit.sealing import VerificationKey
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

LOOK_SECONDS = 0.5
"""How often `-f` looks for new records: they are written a tenth of a second after they happen."""
FOLLOWED = 10
"""Records before the first new one that `-f` shows where no `--since` says otherwise, as journalctl(1) does."""
MAX_GIVEN_BYTES = 64 << 20
"""Of a file of checkpoints, which may be all of a month's syslog."""
EXPORTS = ("json", "cef", "checkpoint")


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    what, *more = given.words or ("",)
    action = ACTIONS.get(what)
    if action is None or more:
        near = nearest(what, ACTIONS)
        hint = f"did you mean {near}?" if near else f"take {', '.join(name for name in ACTIONS if name)}, or nothing"
        raise UsageError(f"there is no 'audit {printable(' '.join(given.words))}': {hint}")
    for option, actions in OF_ACTIONS.items():
        if what not in actions and (given.value(option) or given.has(option)):
            raise UsageError(f"--{option} belongs to: {', '.join(f'podstead audit {one}'.strip() for one in actions)}")
    directory = Path(given.value("dir")).absolute() if given.value("dir") else _directory(endpoint)
    try:
        if not directory.is_dir():
            raise OperatorError(f"there is no audit log in {directory}: name the agent's root (--root-dir) or --dir")
        return action(directory, given)
    except OSError as error:
        raise OperatorError(f"cannot read the audit log in {directory}: {error.strerror or error}") from None


def _directory(endpoint: Endpoint) -> Path:
    return paths_for(root_of(endpoint)).audit


def _show(directory: Path, given: Given) -> int:
    form = format_of(given, Format.JSON)
    place, since, widths = Place(), _since(given), [len(header) + 3 for header in HEADERS]
    rows: Iterable[Record | Unreadable] = _kept(read_log(directory, place), since)
    if given.has("follow") and not given.value("since"):
        rows = deque(rows, maxlen=FOLLOWED)
    if form is Format.JSON:
        say(json_line(document_of(record)) for record in rows)
    else:
        say(aligned([HEADERS, *(row_of(record) for record in rows)], widths))
    with contextlib.suppress(KeyboardInterrupt):
        while given.has("follow"):
            time.sleep(LOOK_SECONDS)
            fresh = list(read_log(directory, place))
            if form is Format.JSON:
                say(json_line(document_of(record)) for record in fresh)
            else:
                say(aligned([row_of(record) for record in fresh], widths))
    return 0


def _verify(directory: Path, given: Given) -> int:
    keys = tuple(_keys(given))
    points = tuple(_checkpoints(given))
    found = examine_log(directory, keys, points)
    if not found.records and not found.faults:
        raise OperatorError(f"there is no record in {directory}: there is nothing to verify")
    say(verdict_lines(found, keys=len(keys), checkpoints=len(points)))
    if key_file.waits_for_its_keeper(directory):
        tell(
            "the verification key still lies on this node, where root can forge with it: take it away by podstead audit key"
        )
    if found.faults:
        return 1
    return UNPROVEN if points and not found.anchored else 0


def _export(directory: Path, given: Given) -> int:
    form = given.value("format", "json")
    if form not in EXPORTS:
        raise UsageError(f"there is no export as {printable(form)!r}: take {', '.join(EXPORTS)}")
    if form == "checkpoint":
        point = last_checkpoint(directory)
        if point is None:
            raise OperatorError(f"the log in {directory} has no end that a checkpoint could fix: podstead audit verify")
        say(str(point))
        return 0
    unreadable = 0
    for record in _kept(read_log(directory), _since(given)):
        if isinstance(record, Unreadable):
            unreadable += 1
            tell(printable(f"{record.place}: {record.why}"))
        elif form == "cef":
            say(cef_line(record, __version__, _host()))
        else:
            say(json_line(document_of(record)))
    return 1 if unreadable else 0


def _key(directory: Path, given: Given) -> int:
    if given.has("renew"):
        return _renew(directory)
    text = key_file.read_kept_key(directory)
    if text is None:
        raise OperatorError(
            "the verification key was taken away already, and nobody can show it again;"
            " if it is lost: podstead audit key --renew, with the agent stopped"
        )
    say(printable(text))
    key_file.erase_kept_key(directory)
    tell(SHOWN_ONCE)
    return 0


def _renew(directory: Path) -> int:
    """Seal the log anew; only while no agent does, whose lock is taken."""
    from podstead.audit.writer import LogWriter
    from podstead.store.instance import lock_root

    with lock_root(paths_for(directory.parent)):
        writer = LogWriter(directory, SystemClock().now, version=__version__)
        try:
            say(writer.renew().text())
        finally:
            writer.close()
        if key_file.waits_for_its_keeper(directory):
            key_file.erase_kept_key(directory)
    tell(SHOWN_ONCE)
    return 0


def _kept(records: Iterable[Record | Unreadable], since: float) -> Iterator[Record | Unreadable]:
    return (record for record in records if isinstance(record, Unreadable) or record.wall >= since)


def _since(given: Given) -> float:
    text = given.value("since")
    return SystemClock().now().wall - parse_duration(text, "--since") if text else float("-inf")


def _keys(given: Given) -> Iterator[VerificationKey]:
    for word in filter(None, given.value("key").split(",")):
        for line in _given_text(word).split():
            try:
                yield read_verification_key(line)
            except KeyTextError as error:
                raise OperatorError(f"cannot use the key of {word}: {error}") from None


def _checkpoints(given: Given) -> Iterator[Checkpoint]:
    for word in filter(None, given.value("against").split(",")):
        found = read_checkpoints(_given_text(word))
        if not found:
            raise OperatorError(f"there is no checkpoint in {word}: a line has podstead-audit-checkpoint:v1:… in it")
        yield from found


def _given_text(word: str) -> str:
    try:
        with Path(word).open("rb") as stream:
            return stream.read(MAX_GIVEN_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise OperatorError(f"cannot read {word}: {error.strerror or error}") from None


def _host() -> str:
    import socket

    return socket.gethostname()


SHOWN_ONCE = "This is shown once, and is nowhere on this node: keep it elsewhere, and secret, for podstead audit verify --key FILE"
UNPROVEN = 3
"""Nothing is wrong, and the checkpoints that were given are too old to say so."""
ACTIONS: dict[str, Callable[[Path, Given], int]] = {"": _show, "verify": _verify, "export": _export, "key": _key}
OF_ACTIONS = {
    "follow": ("",),
    "output": ("",),
    "since": ("", "export"),
    "against": ("verify",),
    "key": ("verify",),
    "format": ("export",),
    "renew": ("key",),
}
"""Which flag belongs to what."""

COMMAND = Command(
    usage="audit [verify | export | key]",
    summary="Show what was done on this node, verify that the record of it is whole, export it, or take its key away.",
    run=run,
    words=(("verify", "export", "key"),),
    options=(
        Option(name="follow", short="f", help="go on with new records as they come"),
        Option(name="since", value="DURATION", help="only what is not older, such as 1h or 30m"),
        output_option(Format.JSON),
        Option(
            name="against",
            value="FILE",
            repeated=True,
            takes=Takes.FILE,
            help="verify: any text that holds checkpoints, such as syslog's of another machine",
        ),
        Option(name="key", value="FILE", repeated=True, takes=Takes.FILE, help="verify: the verification key"),
        Option(name="renew", help="key: seal with new keys from here on and show theirs, where the old one is lost"),
        Option(name="format", value="FORMAT", help=f"export: {', '.join(EXPORTS)}", choices=EXPORTS),
        Option(
            name="dir", value="DIR", takes=Takes.DIRECTORY, help="the log's directory (default: audit below the root)"
        ),
    ),
    notes=(
        "The log is read from its files, whether the agent runs or not. Exit code of verify: 0 intact, 1 changed, cut or\n"
        "replaced, 3 intact but the checkpoints are of records that are no longer kept. 'key' shows the verification key\n"
        "once and erases it here. What is proven by what: docs/audit.md."
    ),
)
