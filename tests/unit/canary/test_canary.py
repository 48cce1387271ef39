"""The password and the hostile text of tests/real/test_agent_canary.py in the rooms that make sentences (foundation 24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.agent.messages import without_values
from podstead.k8s import core_v1 as v1
from podstead.k8s.text import SECRET_LENGTH, blotted, printable
from podstead.manifest.as_kubelet import explain
from podstead.manifest.compare import compare
from podstead.manifest.read import read_manifest
from podstead.manifest.read_objects import read_objects
from podstead.manifest.reading import Severity
from podstead.manifest.shown_changes import shown_changes
from podstead.server.port import FileReport
from podstead.server.printers import files as files_printer
from podstead.server.tables import render
from tests.real.test_agent_canary import files, objects
from tests.support.canary import CANARY, HOSTILE, leaks

if TYPE_CHECKING:
    from collections.abc import Callable

GO_ESCAPES = {"\\": r"\\", '"': r"\"", "\t": r"\t", "\u202e": r"\u202e", "\x07": r"\a", "\v": r"\v"}


@pytest.mark.parametrize("name", files())
@pytest.mark.parametrize("strict", [False, True])
def test_verdicts(name: str, strict: bool) -> None:
    reading = read_manifest(files()[name].encode(), node_name="node1", strict=strict)
    texts = [*(m.placed for m in reading.messages), *explain(files()[name].encode(), "node1")]
    assert [leaks(text) for text in texts if leaks(text)] == []
    assert reading.accepted is not any(m.severity is Severity.ERROR for m in reading.messages)
    report = FileReport(path=f"/m/{HOSTILE}", verdict="Rejected", reason=reading.reason, messages=reading.messages)
    cells = [str(cell) for row in render(files_printer.PRINTER, [report], now=0.0).rows for cell in row.cells]
    assert [leaks(cell) for cell in cells if leaks(cell)] == []


@pytest.mark.parametrize("name", objects())
@pytest.mark.parametrize("strict", [False, True])
def test_verdicts_on_objects(name: str, strict: bool) -> None:
    reading = read_objects(objects()[name].encode(), strict=strict)
    assert [leaks(m.placed) for m in reading.messages if leaks(m.placed)] == []
    assert leaks(repr(reading)) == []


def test_differences() -> None:
    """A comparison names fields, never what stands in them."""
    text = files()["secret.yaml"]
    (old,), (new,) = (
        read_manifest(t.encode(), node_name="node1").pods for t in (text, text.replace(CANARY, f"{CANARY}-2"))
    )
    edit = compare(old.pod, new.pod)
    assert edit.containers == {"main"}
    assert [leaks(change.path) for change in edit.fields if leaks(change.path)] == []
    shown = [text for one in shown_changes(old.pod, new.pod) for text in (one.path, one.before, one.after)]
    assert shown
    assert [leaks(text) for text in shown if leaks(text)] == []


def test_what_a_runtime_quotes() -> None:
    container = v1.Container(
        name="main",
        command=(f"/opt/{CANARY}/server", "run"),
        args=(f"--password={CANARY}",),
        env=(v1.EnvVar(name="PASSWORD", value=CANARY), v1.EnvVar(name="EMPTY"), v1.EnvVar(name="MODE", value="on")),
    )
    said = f'exec: "/opt/{CANARY}/server": not found on; argv run --password={CANARY}; env {CANARY}'
    told = without_values(said, container)
    assert told == 'exec: "[command[0]]": not found on; argv run [args[0]]; env [env PASSWORD]'
    assert leaks(told) == []


def test_short_values_are_words_and_long_ones_go_first() -> None:
    assert blotted("on abcdefgh abcdef", [("on", "[MODE]"), ("abcdef", "[A]"), ("abcdefgh", "[B]")]) == "on [B] [A]"
    assert len("abcdef") == SECRET_LENGTH


def go_quoted(text: str) -> str:
    """Return what `%q` of Go makes of a text, without the quotes."""
    return "".join(GO_ESCAPES.get(character, character) for character in text)


@pytest.mark.parametrize("value", [f'{CANARY}"x\\y', f"{CANARY}\tx", f"{CANARY}\u202e\x07", f"é{CANARY}\v"])
@pytest.mark.parametrize("pass_on", [str, printable, go_quoted, lambda text: printable(go_quoted(text))])
def test_a_value_is_found_however_a_runtime_spells_it(value: str, pass_on: Callable[[str], str]) -> None:
    said = f"executable file `{pass_on('/bin/' + value)}` not found"
    assert blotted(said, [(value, "[Secret db password]")]) == "executable file `/bin/[Secret db password]` not found"
