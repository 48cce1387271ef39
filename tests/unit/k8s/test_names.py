from __future__ import annotations

import pytest

from podstead.k8s import names


@pytest.mark.parametrize("value", ["a", "mysql", "a-1", "1a", "x" * 63])
def test_dns_labels(value: str) -> None:
    assert names.dns1123_label(value) is None


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("", "must not be empty"),
        ("x" * 64, "at most 63 characters, it has 64"),
        ("-a", "at both ends"),
        ("a-", "at both ends"),
        ("a.b", "lower-case letters"),
        ("My_App", "'my-app' would be one"),
        ("a\n", "lower-case letters"),
        ("é", "lower-case letters"),
    ],
)
def test_texts_that_are_no_dns_label(value: str, part: str) -> None:
    reason = names.dns1123_label(value)
    assert reason is not None
    assert part in reason


def test_a_capital_in_a_dotted_name_is_not_mended_into_a_label() -> None:
    reason = names.dns1123_label("A.b")
    assert reason is not None
    assert "would be one" not in reason


def test_subdomains() -> None:
    assert names.dns1123_subdomain("a.b-c.d") is None
    assert names.dns1123_subdomain("x" * 253) is None
    assert "253" in (names.dns1123_subdomain("x" * 254) or "")
    assert "each part" in (names.dns1123_subdomain("a..b") or "")


@pytest.mark.parametrize("value", ["http", "a", "x-1", "1-x"])
def test_port_names(value: str) -> None:
    assert names.port_name(value) is None


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("", "empty"),
        ("abcdefghijklmnop", "at most 15"),
        ("80", "one letter"),
        ("a--b", "two '-'"),
        ("-a", "begin or end"),
        ("Http", "'http' would be one"),
    ],
)
def test_texts_that_are_no_port_name(value: str, part: str) -> None:
    assert part in (names.port_name(value) or "")


@pytest.mark.parametrize("value", ["a", "A_b.c", "kubernetes.io/config.source", "example.com/x"])
def test_qualified_names(value: str) -> None:
    assert names.qualified_name(value) is None


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("", "empty"),
        ("/a", "before '/'"),
        ("A.b/c", "before '/'"),
        ("a/", "after '/'"),
        ("x" * 64, "63"),
        ("a b", "ends"),
    ],
)
def test_texts_that_are_no_qualified_name(value: str, part: str) -> None:
    assert part in (names.qualified_name(value) or "")


def test_label_values() -> None:
    assert names.label_value("") is None
    assert names.label_value("v1.2_3") is None
    assert "63" in (names.label_value("x" * 64) or "")
    assert "ends" in (names.label_value("-") or "")
