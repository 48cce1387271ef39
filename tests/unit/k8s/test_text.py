"""Untrusted text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s.text import printable

HOSTILE = "a\x1b[31m\nb\r\tc\u202eevil\x9b\x00\u2028<script>\ud800\u2066\xa0"


def test_hostile_text_is_written_as_escapes() -> None:
    assert printable(HOSTILE) == ("a\\x1b[31m\\nb\\r\\tc\\u202eevil\\x9b\\x00\\u2028<script>\\ud800\\u2066\\xa0")


@pytest.mark.parametrize("text", ["", "mysql-node1", "pull “x” failed: 中文, é, 🐬", r"C:\temp"])
def test_readable_text_stays(text: str) -> None:
    assert printable(text) == text


@given(st.text(alphabet=st.characters()))
def test_the_result_is_always_printable_and_stable(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
