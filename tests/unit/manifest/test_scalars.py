from __future__ import annotations

import pytest

from podstead.manifest.scalars import ScalarKind, boolean, integer, kind_of


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (ScalarKind.NULL, ["", "~", "null", "Null", "NULL"]),
        (ScalarKind.BOOLEAN, ["y", "N", "yes", "Off", "on", "TRUE", "false"]),
        (ScalarKind.INTEGER, ["0", "-1", "+7", "1_000", "0777", "0o17", "0x1F", "0b101", "9" * 30]),
        (ScalarKind.FLOAT, ["1.5", ".5", "5.", "1e3", "-1E-3", ".inf", "-.Inf", ".nan", "08", "09.5"]),
        (
            ScalarKind.STRING,
            ["nUll", "tRue", "1:30", "2001-12-14", "1.2.3", "-", "+", ".", "0x", "_1", "1e", "500m", "٣"],
        ),
    ],
)
def test_kinds_as_the_kubelets_parser_sees_them(kind: ScalarKind, texts: list[str]) -> None:
    assert {text: kind_of(text) for text in texts} == dict.fromkeys(texts, kind)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1_000", 1000),
        ("0777", 511),
        ("-010", -8),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("3.0", 3),
        ("1e3", 1000),
        ("1.5", None),
        (".inf", None),
        (".nan", None),
        ("1e999", None),
    ],
)
def test_integers(text: str, value: int | None) -> None:
    assert integer(text) == value


def test_booleans() -> None:
    assert [boolean(text) for text in ("yes", "On", "y", "no", "OFF", "n")] == [True, True, True, False, False, False]
