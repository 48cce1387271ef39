from __future__ import annotations

import time

import pytest

from podstead.manifest.armour import Limits, RefusedError, events, text_of
from podstead.manifest.read import read_manifest
from tests.unit.manifest.writing import NODE, manifest

HUGE = Limits(max_bytes=16 * 2**20)
QUICK_SECONDS = 3.0
"""The slowest pattern takes a tenth of a second; this leaves room for a loaded machine and no room for a crawl."""


def reason(data: bytes, limits: Limits = HUGE) -> str:
    return read_manifest(data, node_name=NODE, limits=limits).reason


@pytest.mark.parametrize("size", [100_000, 9_000_000])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"[", "TooDeep"),
        (b"- ", "TooDeep"),
        (b"{a: ", "TooDeep"),
        (b'{"a":', "TooDeep"),
        (b"? ", "TooDeep"),
        (b"[a,", "TooDeep"),
        (b"-\n", "TooComplex"),
        (b"&a ", "InvalidYAML"),
        (b"}", "InvalidYAML"),
        (b"a: ", "InvalidYAML"),
        (b'"', "InvalidYAML"),
        (b"#", "EmptyManifest"),
        (b"\n", "EmptyManifest"),
        (b"a", "NotAPod"),
        (b"a\n", "NotAPod"),
        (b"\t", "InvalidYAML"),
    ],
)
@pytest.mark.attack("yaml-bomb")
def test_hostile_patterns_end_quickly_with_a_verdict(pattern: bytes, expected: str, size: int) -> None:
    begun = time.thread_time()
    assert reason(pattern * (size // len(pattern))) == expected
    assert time.thread_time() - begun < QUICK_SECONDS


def test_a_million_empty_documents_are_too_many() -> None:
    assert reason(b"---\n" * 1_000_000) == "TooComplex"


def test_many_tag_directives_do_not_keep_the_parser_busy() -> None:
    directives = b"".join(b"%%TAG !a%d! x\n" % number for number in range(60_000))
    begun = time.thread_time()
    assert reason(directives) == "TooComplex"
    assert time.thread_time() - begun < QUICK_SECONDS


def test_a_large_valid_pod_is_read_where_the_caller_allows_its_size() -> None:
    data = (
        manifest(metadata="annotations:\n  example.com/note: |\n")
        .encode()
        .replace(b"note: |\n", b"note: |\n" + b"      " + b"x" * 200_000 + b"\n")
    )
    assert reason(data) == ""


def test_the_size_limit() -> None:
    assert reason(b"a" * 100, Limits(max_bytes=99)) == "TooLarge"
    assert reason(b"a" * 100, Limits(max_bytes=100)) == "NotAPod"


@pytest.mark.attack("yaml-bomb")
def test_an_alias_bomb() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefgh", "abcdefg", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    assert reason("\n".join(lines).encode()) == "TooComplex"


@pytest.mark.attack("yaml-bomb")
def test_nesting_hidden_behind_aliases() -> None:
    lines = ["- &a0 [x]"] + [f"- &a{n} {'[' * 30}*a{n - 1}{']' * 30}" for n in range(1, 50)]
    assert reason("\n".join(lines).encode()) == "TooDeep"


def test_many_aliases() -> None:
    assert reason(b"- &a x\n" + b"- *a\n" * 101) == "TooComplex"


@pytest.mark.parametrize(
    ("data", "line", "column", "part"),
    [
        (b"ab\ncd\0", 2, 3, "NUL byte"),
        (b"ab\n\xc3\xa9\xff", 2, 2, "not UTF-8"),
        (b"a: \x1b[31m", 1, 4, "U+001B"),
        (b"a: x\xef\xbb\xbfy", 1, 5, "U+FEFF"),
        ("a: b".encode("utf-16"), 0, 0, "UTF-16"),
        ("a: b".encode("utf-16-be"), 1, 1, "NUL byte"),
        ("a: b".encode("utf-32"), 0, 0, "UTF-16"),
    ],
)
def test_what_is_no_text(data: bytes, line: int, column: int, part: str) -> None:
    with pytest.raises(RefusedError) as refused:
        text_of(data, HUGE)
    error = refused.value
    assert (error.reason, error.line, error.column) == ("NotText", line, column)
    assert part in error.message


def test_a_utf8_mark_at_the_beginning_is_no_part_of_the_text() -> None:
    assert text_of(b"\xef\xbb\xbfa: b", HUGE) == "a: b"


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("a:\n\tb: 1", 2, 1, "a tab stands in the indentation"),
        ("a: @x", 1, 4, "'@' cannot begin a value"),
        ("a: b: c", 1, 5, "': ' stands inside an unquoted value"),
        ("a: [1, 2\nb: 3", 1, 4, "list that begins here"),
        ("a: 'x\nb: 3", 1, 4, "quotes that open here"),
        ("a: {b: 1\nc: d", 1, 4, "map that begins here"),
        ("- a\nb: c", 2, 1, "differs from the list items above"),
        ('a: "\\q"', 1, 5, "no known escape"),
        ('a: "\\ud800"', 1, 7, "names no character"),
    ],
)
def test_syntax_errors_say_where_and_what_to_do(text: str, line: int, column: int, part: str) -> None:
    with pytest.raises(RefusedError) as refused:
        list(events(text, HUGE))
    error = refused.value
    assert (error.reason, error.line, error.column) == ("InvalidYAML", line, column)
    assert part in error.message
