"""Policy files: what is taken, and every fault at its place."""

from __future__ import annotations

import pytest

from podstead.policy.patterns import pattern_reason, pod_pattern
from podstead.policy.pod_security.levels import Level, Standard
from podstead.policy.read import read_policy
from podstead.policy.sentences import sentences
from podstead.policy.values import HostPathRule
from tests.unit.policy.pods import DIGEST, NOW, policy

HEAD = "apiVersion: podstead.io/v1\nkind: NodePolicy\n"
EXEMPTION = f"""exemptions:
- name: data
  pods: [default/mysql]
  controls: [HostPath Volumes]
  values: [/opt/mysql/data/]
  reason: its files
  until: 2027-06-30
  digests: ["{DIGEST}"]
"""


def test_the_last_day_of_the_calendar_has_an_end_too() -> None:
    (exemption,) = policy(EXEMPTION.replace("2027-06-30", "9999-12-31")).exemptions
    assert exemption.until == 253_402_300_800.0


def test_a_policy_is_what_its_fields_say() -> None:
    read = policy(f"podSecurity: {{level: baseline, version: v1.30}}\nhostPaths:\n- prefix: /opt//mysql/\n{EXEMPTION}")
    assert read.standard == Standard(level=Level.BASELINE, minor=30)
    assert read.host_paths == (HostPathRule(prefix="/opt/mysql", read_only=False),)
    (exemption,) = read.exemptions
    assert exemption.values == {"/opt/mysql/data"}
    assert exemption.until == 1_814_400_000.0  # the end of 2027-06-30, UTC


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"---\n---\n", HEAD.encode(), (HEAD + "name: node\n").encode()])
def test_an_empty_policy_is_an_error(data: bytes) -> None:
    assert read_policy(data).policy is None
    assert read_policy(data).messages


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        ("podSecurity: {level: basline}\n", 3, "podSecurity.level", "did you mean 'baseline'?"),
        ("podSecurity: {level: baseline, version: v1.99}\n", 3, "podSecurity.version", "v1.37"),
        ("podSecurty: {level: baseline}\n", 3, "podSecurty", "did you mean podSecurity?"),
        ("images: {registries: [https://a.example]}\n", 3, "images.registries[0]", "must be a registry"),
        ("images: {requireDigest: 'true'}\n", 3, "images.requireDigest", "without quotes"),
        ("hostPaths: [{prefix: opt}]\n", 3, "hostPaths[0].prefix", "from / on"),
        ("hostPaths: [{prefix: /opt/../etc}]\n", 3, "hostPaths[0].prefix", "without '..'"),
        ("priorities: [{classes: [high], pods: [a/b]}]\n", 3, "priorities[0].classes[0]", "preempts nobody"),
        ("signers: [{principals: ['a,b'], pods: [a/b]}]\n", 3, "signers[0].principals[0]", "as a list"),
        (EXEMPTION.replace("HostPath Volumes", "HostPath Volume"), 6, "exemptions[0].controls[0]", "HostPath Volumes"),
        (EXEMPTION.replace("default/mysql", "mysql"), 5, "exemptions[0].pods[0]", "NAMESPACE/NAME"),
        (EXEMPTION.replace("2027-06-30", "soon"), 9, "exemptions[0].until", "write it as in 2027-06-30"),
        (EXEMPTION.replace("  until: 2027-06-30\n", ""), 4, "exemptions[0].until", "until is missing"),
        (EXEMPTION.replace("its files", "' '"), 8, "exemptions[0].reason", "say why"),
        (EXEMPTION.replace(DIGEST, "sha256:12"), 10, "exemptions[0].digests[0]", "sha256sum"),
        (EXEMPTION + EXEMPTION[12:], 11, "exemptions[1].name", "another entry"),
        ("rules: [{name: r}]\n", 3, "rules[0]", "demands nothing"),
        ("podSecurity: {level: baseline, level: privileged}\n", 3, "podSecurity.level", "Duplicate key"),
    ],
)
def test_a_fault_is_told_at_its_place(text: str, line: int, field: str, says: str) -> None:
    read = read_policy((HEAD + text).encode())
    assert read.policy is None
    (found,) = [message for message in read.messages if message.severity == "error"]
    assert (found.line, found.field) == (line, field)
    assert says in found.message


def test_another_kind_says_what_to_write() -> None:
    (found,) = read_policy(b"apiVersion: podstead.io/v1\nkind: Policy\npodSecurity: {level: baseline}\n").messages
    assert (found.line, found.column, found.message) == (2, 7, "'Policy' is no NodePolicy: write kind: NodePolicy")


def test_entries_that_nothing_can_use_are_warned_of() -> None:
    read = read_policy((HEAD + EXEMPTION.replace(f'  digests: ["{DIGEST}"]\n', "")).encode())
    assert read.policy is not None
    assert [(m.field, m.message.partition(":")[0]) for m in read.messages] == [("exemptions[0]", "Unused")]


@pytest.mark.parametrize("text", ["mysql", "/mysql", "default/", "Default/mysql", "a/b/c", "a/b,c", "a/!b"])
def test_what_is_no_pattern_of_pods(text: str) -> None:
    assert pattern_reason(text) is not None


def test_patterns_do_not_cross_the_slash() -> None:
    assert pod_pattern("def*/my?ql").fits("default", "mysql")
    assert not pod_pattern("def*/my?ql").fits("default", "mysqql")
    assert not pod_pattern("d*").fits("default", "mysql")


def test_a_policy_is_told_in_sentences() -> None:
    told = list(sentences(policy(f"podSecurity: {{level: baseline}}\n{EXEMPTION}"), NOW))
    assert told[0] == "Every pod must be within baseline:v1.37."
    assert told[1].startswith("Exemption data ends on 2027-06-30: default/mysql may break HostPath Volumes")
    assert "No pod may have a priority that makes others go (2000000000 and more)." in told
    late = list(sentences(policy(f"podSecurity: {{level: baseline}}\n{EXEMPTION}"), NOW + 3e7))
    assert late[1].startswith("Exemption data ended on 2027-06-30 and counts no more")


def test_every_control_is_described() -> None:
    from podstead.policy.known import controls, described

    rows = list(described())
    assert [name for name, _, _ in rows] == [*controls()]
    assert all(what for _, _, what in rows)
