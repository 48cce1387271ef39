"""Flags as they are typed."""

from __future__ import annotations

import pytest

from podstead.cli.options import Option, UsageError, read_options

OPTIONS = (
    Option(name="namespace", short="n", value="NS", help=""),
    Option(name="output", short="o", value="FORMAT", help=""),
    Option(name="stdin", short="i", help=""),
    Option(name="tty", short="t", help=""),
)


@pytest.mark.parametrize(
    ("arguments", "values", "switches", "words"),
    [
        (["-nkube-system", "a"], {"namespace": "kube-system"}, set(), ("a",)),
        (["-n", "x", "-o=wide"], {"namespace": "x", "output": "wide"}, set(), ()),
        (["a", "--namespace=x=y", "b"], {"namespace": "x=y"}, set(), ("a", "b")),
        (["-it", "a"], {}, {"stdin", "tty"}, ("a",)),
        (["-iton", "x"], {"output": "n"}, {"stdin", "tty"}, ("x",)),
        (["--stdin=false", "-t"], {}, {"tty"}, ()),
        (["--namespace", "--stdin"], {"namespace": "--stdin"}, set(), ()),
        (["-"], {}, set(), ("-",)),
        (["-n", "a", "-n", "b"], {"namespace": "b"}, set(), ()),
    ],
)
def test_forms(arguments: list[str], values: dict[str, str], switches: set[str], words: tuple[str, ...]) -> None:
    given, left = read_options(arguments, OPTIONS, help_of="x")
    assert (dict(given.values), set(given.switches), given.words) == (values, switches, words)
    assert (given.rest, left) == (None, ())


def test_what_stands_after_two_dashes_is_left_alone() -> None:
    given, _ = read_options(["pod", "-i", "--", "ls", "-n", "--", "x"], OPTIONS, help_of="x")
    assert (given.words, given.has("stdin"), given.rest) == (("pod",), True, ("ls", "-n", "--", "x"))


def test_global_flags_end_at_the_command() -> None:
    given, left = read_options(["-n", "a", "get", "-n", "b"], OPTIONS, help_of="x", stop_at_word=True)
    assert (given.values, left) == ({"namespace": "a"}, ("get", "-n", "b"))


@pytest.mark.parametrize("arguments", [["--nope"], ["-z"], ["-iz"], ["--output"], ["-o"], ["--stdin=maybe"], ["---"]])
def test_wrong_forms(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        read_options(arguments, OPTIONS, help_of="x")
