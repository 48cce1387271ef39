from __future__ import annotations

import pytest

from podstead.manifest.as_kubelet import explain
from tests.unit.manifest.writing import NODE, manifest


def said(text: str | bytes) -> str:
    return "\n".join(explain(text if isinstance(text, bytes) else text.encode(), NODE))


def test_a_plain_pod_runs() -> None:
    assert said(manifest()).startswith("It would run the pod default/web-node1.\n")


def test_any_name_is_read() -> None:
    assert "x.yaml.bak" in said(manifest())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            manifest(container="env: [{name: A, value: 1}]\n"),
            "1 field it would not accept, spec.containers[0].env[0].value (line 9)",
        ),
        (manifest(spec="serviceAccountName: x\n"), "spec.serviceAccountName (line 9)"),
        (manifest(name="A"), "metadata.name (line 4)"),
        ("kind: Deployment\napiVersion: apps/v1\n", "it is not a Pod"),
        ("a: [", "it is not YAML or JSON"),
        (b"\0", "it is not YAML or JSON"),
        ("", "its first document is empty"),
        (f"---\n---\n{manifest()}", "its first document is empty"),
        (b"#" * (10 * 2**20), "10 MiB or more"),
    ],
)
def test_what_it_rejects(text: str | bytes, why: str) -> None:
    lines = explain(text if isinstance(text, bytes) else text.encode(), NODE)
    (verdict,) = [line for line in lines if line.startswith("It would reject the file: ")]
    assert why in verdict
    assert any("killed at the next listing" in line for line in lines)
    assert not any(line.startswith("It would run") for line in lines)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"{manifest()}---\n{manifest(name='b')}", "the first document only; 1 document after it"),
        (manifest(spec="hostnetwork: true\n"), "drop 1 unknown field in silence: spec.hostnetwork (line 9)"),
        (manifest(spec="".join(f"x{n}: 1\n" for n in range(7))), "spec.x4 (line 13), …"),
        (
            manifest(spec="priority: 1\npriority: 2\n"),
            "take the last of equal keys in silence: spec.priority (line 10)",
        ),
        (
            manifest(spec="readinessGates: [{conditionType: a/b}]\n"),
            "fields that Podstead refuses in this version: spec.readinessGates (line 9)",
        ),
        (manifest(metadata="uid: abc\n"), "It would keep metadata.uid"),
        (manifest(metadata="deletionTimestamp: 2024-01-01T00:00:00Z\n"), "terminate the pod at once"),
        (manifest(spec="priorityClassName: system-node-critical\n"), "would not look up the priority class"),
    ],
)
def test_what_it_does_in_silence(text: str, part: str) -> None:
    assert part in said(text)
    assert "It would run the pod default/web-node1." in said(text)


def test_a_mirror_pod_never_runs() -> None:
    text = said(manifest(metadata="annotations: {kubernetes.io/config.mirror: x}\n"))
    assert "never run it" in text
    assert "It would run" not in text


def test_nesting_is_not_examined() -> None:
    assert "not examined here" in said("[" * 1000)
