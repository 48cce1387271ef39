"""The grammar of files that environments are taken from (KEP-3721)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s.env_file import EnvFileError, value_of

PLAIN = st.text(st.characters(exclude_characters="'\r", codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K='v'", "v"),
        ("K='v'\n", "v"),
        ("\n  \n# K='no'\n\t K='v'  # said", "v"),
        ("K=''", ""),
        ("K= 'v'\nOTHER='x'", ""),
        ("K='first'\nK='second'", "first"),
        ("K='one\n two # not said\n\nthree'\nX='y'", "one\n two # not said\n\nthree"),
        ("K='a\r\nb'\r\n", "a\nb"),
        ("K='$(A) \\n \"q\" =x'", '$(A) \\n "q" =x'),
        ("A='K=x'\nK='v'", "v"),
        ("KK='x'\nxK='x'", None),
        ("", None),
        ("# only a comment", None),
        ("K='v'\nwhat is this", "v"),
    ],
)
def test_values(text: str, value: str | None) -> None:
    assert value_of(text, "K") == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("K=v", 1),
        ('K="v"', 1),
        ("A='1'\n\nK", 3),
        ("A='1'\nK ='v'", 2),
        ("='v'", 1),
        ("A='1\n2'\nK='v' and more", 3),
        ("A='1'\nK='never\nclosed", 2),
        ("K=", 1),
        ("export K='v'", 1),
    ],
)
def test_what_is_not_understood_names_its_line_and_nothing_of_it(text: str, line: int) -> None:
    with pytest.raises(EnvFileError, match=re.escape(f"line {line} does not begin NAME='value'")):
        value_of(text, "K")


@given(st.lists(st.tuples(st.from_regex(r"[A-Z_]+", fullmatch=True), PLAIN)))
def test_what_is_written_is_read(entries: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}='{value}'\n" for name, value in entries)
    for name, value in reversed(dict(reversed(entries)).items()):
        assert value_of(text, name) == value


@given(st.text(alphabet="K='# \nx"))
def test_any_text_is_judged(text: str) -> None:
    try:
        value_of(text, "K")
    except EnvFileError:
        return
