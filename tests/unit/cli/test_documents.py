"""JSON and YAML text: read back as the same values, and harmless on a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from podstead.cli.documents import json_line, json_text, yaml_text

if TYPE_CHECKING:
    from podstead.cli.documents import Json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "yes",
        "null",
        "~",
        "1e3",
        "0x1f",
        "1:30",
        "2026-01-01",
        "- a",
        "a: b",
        "a #b",
        "*x",
        "&x",
        "!x",
        "%x",
        "@x",
        "",
        " ",
        "|",
        "=",
        "<<",
        "a\nb",
        "a\nb\n",
        "a\n\nb\n\n",
        " a\nb",
        "a \nb",
        ".5",
        "_1",
        "Off",
        "a:",
        "{}",
        "[]",
        "\x85",
        "\u2028",
        "😀",
        "\U000e0001",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


@given(VALUES)
@example({"a": [{"b": [], "c": {}}, [[1], "x\ny\n"], "text\nmore"]})
@example([[["deep"]], {"k": None}])
@example(["0\n"])
def test_yaml_reads_back(value: Json) -> None:
    text = yaml_text(value)
    assert yaml.safe_load(f"{text}\n") == value  # as it is printed
    assert all(line.isprintable() for line in text.split("\n"))


@given(VALUES)
def test_json_reads_back(value: Json) -> None:
    assert json.loads(json_text(value)) == value
    assert json.loads(json_line(value)) == value
    assert all(line.isprintable() for line in json_text(value).split("\n"))
    assert json_line(value).isprintable()


def test_yaml_looks_like_kubectls() -> None:
    value: Json = {
        "apiVersion": "v1",
        "metadata": {"labels": {"app.kubernetes.io/name": "db"}, "name": "mysql"},
        "spec": {
            "containers": [{"args": ["-c", "sleep 1; true"], "image": "mysql:5.7.39", "tty": False}],
            "volumes": [],
        },
        "status": {"message": "one\ntwo"},
    }
    assert yaml_text(value) == (
        "apiVersion: v1\n"
        "metadata:\n"
        "  labels:\n"
        "    app.kubernetes.io/name: db\n"
        "  name: mysql\n"
        "spec:\n"
        "  containers:\n"
        "  - args:\n"
        '    - "-c"\n'
        '    - "sleep 1; true"\n'
        "    image: mysql:5.7.39\n"
        "    tty: false\n"
        "  volumes: []\n"
        "status:\n"
        "  message: |-\n"
        "    one\n"
        "    two"
    )
