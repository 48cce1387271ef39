"""What holds for every input: nothing raises, and what is decoded is what was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.manifest import schema
from podstead.manifest.armour import Limits
from podstead.manifest.as_kubelet import explain
from podstead.manifest.decode import decode
from podstead.manifest.documents import documents
from podstead.manifest.read import read_document, read_manifest
from podstead.manifest.reading import Severity
from podstead.manifest.scalars import ScalarKind, kind_of
from podstead.manifest.schema import Form
from podstead.manifest.tree import Mapping
from tests.unit.manifest.writing import NODE

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FRAGMENTS = [
    *("apiVersion: v1\n", "kind: Pod\n", "metadata:\n", "  name: a\n", "spec:\n", "  containers:\n", "  - name: c\n"),
    *(
        "    image: x\n",
        "    env:\n",
        "    - name: A\n",
        "      value: 1\n",
        "---\n",
        "...\n",
        "- ",
        ": ",
        "? ",
        "<<: ",
        "&a ",
        "*a",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "|\n",
        ">\n",
        "!!str ",
        "!x ",
        "#",
        "%TAG",
        "\t",
        "\n",
        "  ",
        "\\",
        "~",
        "\r\n",
        "\x85",
        "\u2028",
    ),
    *("volumes:\n", "ports: [{containerPort: 80}]\n", "0777", "1e3", "yes", "\ufeff", "\0", "\x1b", "null"),
]


def judge(data: bytes) -> None:
    """Read in both ways and hold the outcome to what every Reading promises."""
    for strict in (False, True):
        reading = read_manifest(data, node_name=NODE, strict=strict)
        errors = [message for message in reading.messages if message.severity is Severity.ERROR]
        assert bool(errors) == bool(reading.reason)
        assert bool(reading.pods) == reading.accepted
        assert list(reading.messages) == sorted(reading.messages)
        assert re.fullmatch(r"[A-Za-z]*", reading.reason)
        for pod in reading.pods:
            assert read_document(pod.data, NODE) == pod.pod
            assert pod.data in data
    assert explain(data, NODE)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    judge(data)


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    judge(text.encode())


@settings(max_examples=400)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join))
@example("<<: &a [*a]\n")
@example("? \n")
@example("&a a: *a\n")
def test_any_sequence_of_yaml_fragments(text: str) -> None:
    judge(text.encode())


@settings(max_examples=200)
@given(st.data())
def test_any_edit_of_a_pod(data: st.DataObject) -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: {a: b}\nspec:\n  containers:\n  - name: c\n"
        "    image: x:1\n    env:\n    - name: A\n      value: 'b'\n    ports:\n    - containerPort: 80\n  hostNetwork: true\n"
    )
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 12))
    judge((text[:at] + data.draw(st.sampled_from(FRAGMENTS)) + text[at + length :]).encode())


TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"), max_size=12
) | st.sampled_from(
    ["yes", "0777", "1", "~", "", " a ", "a: b", "#", "- x", "'", '"', "\U0001f600", "a\u2028 b", "a\nb"]
)
NAMES = TEXTS.filter(lambda text: kind_of(text) is not ScalarKind.INTEGER)
KEYS = st.text("abcxyz./-", min_size=1, max_size=8) | st.sampled_from(["yes", "1", "<<", "~", " a"])


def values(shape: schema.Shape, depth: int) -> SearchStrategy[Any]:
    """Return plain values that fit a shape: an object gets its required fields and up to three others."""
    match shape.form:
        case Form.STRING:
            return TEXTS
        case Form.QUANTITY:
            return st.sampled_from(["1", "500m", "0.5", "128Mi", "1e3", "2G"])
        case Form.INTEGER:
            return st.integers(-(2**63), 2**63 - 1)
        case Form.INTEGER_OR_STRING:
            return st.integers(0, 65535) | NAMES
        case Form.BOOLEAN:
            return st.booleans()
        case Form.LIST if shape.item is not None:
            return st.lists(values(shape.item, depth - 1), max_size=2 if depth > 0 else 0)
        case Form.MAP if shape.item is not None and shape.item.form is not Form.ANY:
            return st.dictionaries(KEYS, values(shape.item, depth - 1), max_size=2)
        case Form.OBJECT if shape.struct is not None:
            return objects(shape.struct, depth)
        case _:
            return st.just({})


def objects(struct: type[msgspec.Struct], depth: int) -> SearchStrategy[dict[str, Any]]:
    known = schema.fields(struct)
    required = [name for name, field in known.items() if field.required]
    others = [name for name in known if name not in required]

    def with_fields(names: list[str]) -> SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({name: values(known[name].shape, depth - 1) for name in [*required, *names]})

    chosen = st.lists(st.sampled_from(others), max_size=3, unique=True) if others and depth > 0 else st.just([])
    return chosen.flatmap(with_fields)


def decoded(data: bytes, *also: str) -> v1.Pod:
    """Decode a document, letting nothing be said of it but what support says, and `also` codes by name."""
    (document,) = documents(data, Limits())
    assert isinstance(document.root, Mapping)
    outcome = decode(document.root)
    assert {f.code.name for f in outcome.findings} <= {"UNSUPPORTED", "IGNORED", *also}
    return msgspec.convert(outcome.value, v1.Pod)


@settings(max_examples=60)
@given(objects(v1.Pod, 7))
def test_what_is_encoded_is_what_is_decoded(plain: dict[str, Any]) -> None:
    pod = msgspec.convert(plain, v1.Pod)
    assert decoded(msgspec.json.encode(pod)) == pod
    assert decoded(msgspec.json.format(msgspec.json.encode(pod), indent=2)) == pod
    text = yaml.safe_dump(msgspec.to_builtins(pod), allow_unicode=True, sort_keys=False)
    # The dumper leaves texts such as `y` and `08` without quotes, for its own reader takes them for strings.
    assert decoded(text.encode(), "TEXT_TAKEN", "KEY_TAKEN") == pod
