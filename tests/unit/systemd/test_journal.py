"""Lines as the journal takes them: no time of their own, a priority before each (sd-daemon(3))."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from podstead.systemd.journal import log_formatter, writes_to_journal

if TYPE_CHECKING:
    from pathlib import Path


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("podstead.test", level, __file__, 1, text, (), None)


@pytest.mark.parametrize(
    ("level", "head"),
    [(logging.DEBUG, "<7>"), (logging.INFO, "<6>"), (logging.WARNING, "<4>"), (logging.ERROR, "<3>"), (60, "<2>")],
)
def test_each_level_has_its_priority(level: int, head: str) -> None:
    assert log_formatter(journal=True).format(record(level, "it is so")) == f"{head}podstead.test: it is so"


def test_each_line_of_a_traceback_has_the_priority() -> None:
    made = record(logging.ERROR, "it failed")
    try:
        int("one\ntwo")
    except ValueError:
        made.exc_info = sys.exc_info()
    lines = log_formatter(journal=True).format(made).split("\n")
    assert len(lines) > 3
    assert [line for line in lines if not line.startswith("<3>")] == []


def test_elsewhere_the_time_stands_first() -> None:
    assert re.match(r"\d{4}-\d\d-\d\d .* I podstead.test: x$", log_formatter(journal=False).format(record(20, "x")))


def test_only_the_very_stream_of_the_journal_counts(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        found = os.fstat(stream.fileno())
        named = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert writes_to_journal(named, stream.fileno())
        with (tmp_path / "other").open("w") as other:
            assert not writes_to_journal(named, other.fileno())
        assert not writes_to_journal({}, stream.fileno())
        assert not writes_to_journal({"JOURNAL_STREAM": "x:y"}, stream.fileno())
    assert not writes_to_journal(named, 1 << 20)
