"""Label and field selectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.k8s import core_v1 as v1
from podstead.server.field_selectors import POD_FIELDS, FieldTerm, fields_of, parse_field_selector
from podstead.server.selectors import SelectorError, parse_label_selector

LABELS = {"app": "web", "tier": "front", "app.kubernetes.io/name": "x", "n": "7"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("! other", True),
        ("app=web", True),
        ("app==web", True),
        ("app = db", False),
        ("app!=db", True),
        ("other!=db", True),
        ("app in (db, web)", True),
        ("app in(db)", False),
        ("app notin (db)", True),
        ("other notin (db)", True),
        ("app=web,tier=back", False),
        ("app=web,tier in (front),!x", True),
        ("app.kubernetes.io/name=x", True),
        ("other=", False),
        ("n>6", True),
        ("n<7", False),
        ("app>1", False),
        ("other in (,a)", False),
    ],
)
def test_labels(text: str, matches: bool) -> None:
    assert all(term.matches(LABELS) for term in parse_label_selector(text)) is matches


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("app===web", "found '='"),
        ("app in web", "expected '('"),
        ("app in (web", "found the end"),
        (",", "expected a label key"),
        ("app,", "found the end"),
        ("a b", "found 'b'"),
        ("app=we$b", "expected a label value"),
        ("-app", "expected a label key"),
        ("n>x", "expected a whole number"),
        ("a" * 64, "expected a label key"),
    ],
)
def test_bad_label_selectors(text: str, complaint: str) -> None:
    with pytest.raises(SelectorError) as error:
        parse_label_selector(text)
    assert complaint in str(error.value)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_a_selector_error(text: str) -> None:
    try:
        terms = parse_label_selector(text)
    except SelectorError:
        return
    assert all(term.matches({}) in {True, False} for term in terms)


def test_field_terms() -> None:
    text = r"metadata.name=a\,b,status.phase!=Failed,spec.nodeName==n"
    assert parse_field_selector(text, POD_FIELDS) == (
        FieldTerm("metadata.name", "a,b"),
        FieldTerm("status.phase", "Failed", equal=False),
        FieldTerm("spec.nodeName", "n"),
    )
    assert parse_field_selector("", POD_FIELDS) == ()
    assert parse_field_selector("metadata.name=a=b", POD_FIELDS) == (FieldTerm("metadata.name", "a=b"),)
    with pytest.raises(SelectorError, match=r"field label not supported: spec\.color"):
        parse_field_selector("spec.color=red", POD_FIELDS)
    with pytest.raises(SelectorError, match="write field=value"):
        parse_field_selector("metadata.name", POD_FIELDS)


def test_every_allowed_pod_field_has_a_value() -> None:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="a", namespace="b"),
        spec=v1.PodSpec(containers=(), node_name="n", restart_policy="Always", host_network=True),
        status=v1.PodStatus(phase="Running", pod_ip="192.0.2.1"),
    )
    fields = fields_of(pod)
    assert set(fields) == POD_FIELDS
    assert fields["spec.hostNetwork"] == "true"
    assert fields["status.podIP"] == "192.0.2.1"
    assert FieldTerm("status.phase", "Running").matches(fields)
    assert not FieldTerm("status.phase", "Running", equal=False).matches(fields)
