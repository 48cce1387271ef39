"""`podstead policy` and `podstead check --policy`: a policy file and what it makes of manifests, without an agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.objects import CANARY
from tests.unit.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell

EXAMPLE = str(ROOT / "docs" / "examples" / "policy-mysql.yaml")
ARTICLE = str(ROOT / "tests" / "golden" / "manifest" / "article.yaml")
WEB = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  hostNetwork: true
  containers:
  - name: web
    image: evil.example/web:1
    env: [{{name: PASSWORD, value: {CANARY}}}]
"""


@pytest.fixture
def web(tmp_path: Path) -> str:
    (tmp_path / "web.yaml").write_text(WEB)
    return str(tmp_path / "web.yaml")


def policy(tmp_path: Path, text: str) -> str:
    (tmp_path / "policy.yaml").write_text(f"apiVersion: podstead.io/v1\nkind: NodePolicy\n{text}")
    return str(tmp_path / "policy.yaml")


def test_the_shipped_example_is_right_and_told_in_sentences(local: LocalShell) -> None:
    result = local("policy", "check", EXAMPLE)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Every pod must be within restricted:v1.37."
    assert lines[-1] == f"{EXAMPLE}: Accepted"
    assert json.loads(local("policy", "check", EXAMPLE, "-o", "json").out)["means"] == lines[:-1]


def test_the_shipped_example_admits_the_articles_mysql(local: LocalShell) -> None:
    result = local("check", "--policy", EXAMPLE, "--signer", "dba@example.com", ARTICLE, "--node-name", "n")
    assert (result.code, result.out.splitlines()[-1]) == (0, f"{ARTICLE}: Accepted: kube-system/mysql-n")
    result = local("check", "--policy", EXAMPLE, "--signer", "web@example.com", ARTICLE, "--node-name", "n")
    assert result.code == 1
    assert f"{ARTICLE}:4:9: error: metadata.name: Signers: web@example.com may not sign" in result.out


def test_a_violation_is_told_with_line_and_column(local: LocalShell, tmp_path: Path, web: str) -> None:
    text = "podSecurity: {level: baseline}\nimages: {registries: [registry.example.com]}\n"
    result = local("check", "--policy", policy(tmp_path, text), web, "--node-name", "n")
    assert result.code == 1
    assert result.out.splitlines() == [
        f"{web}:5:16: error: spec.hostNetwork: Host Namespaces: (baseline:v1.37) must be unset or false: the namespace would be the node's",
        f"{web}:8:12: error: spec.containers[0].image: Image Registries: evil.example/web is not of the registries and repositories that are listed: registry.example.com",
        f"{web}: Rejected (PolicyViolation): default/web-n",
    ]


def test_a_rule_with_a_fault_refuses_the_policy(local: LocalShell, tmp_path: Path, web: str) -> None:
    file = policy(tmp_path, "rules:\n- name: r\n  validations:\n  - expression: object.spec.containers.all(c\n")
    result = local("policy", "check", file)
    assert result.code == 1
    assert result.out.startswith(f"{file}:6:17: error: rules[0].validations[0].expression: at 1:29 of the expression:")
    used = local("check", "--policy", file, web)
    assert (used.code, used.out) == (1, "")
    assert used.err.startswith(f"error: cannot use the policy: {file}:6:17: error: rules[0]")


def test_explain_says_what_lifts_what(local: LocalShell) -> None:
    result = local("policy", "explain", EXAMPLE, ARTICLE)
    assert result.code == 0
    assert result.out.splitlines() == [
        f"{ARTICLE}: Accepted, digest sha256:bb43d6091a12b8c7c5ec993727210d0eefa2175371322abafc1b2dd6375c12cc",
        "  kube-system/mysql is held against baseline:v1.37",
        "    lifted by exemption mysql-network: Host Namespaces at spec.hostNetwork (value true)",
        "    lifted by exemption mysql-data: HostPath Volumes at spec.volumes[0].hostPath (value /opt/mysql/data)",
        "    lifted by exemption mysql-configuration: HostPath Volumes at spec.volumes[1].hostPath (value /opt/mysql/conf)",
    ]
    (document,) = json.loads(local("policy", "explain", EXAMPLE, ARTICLE, "-o", "json").out)
    assert [found["exemption"] for found in document["pods"][0]["found"]] == [
        "mysql-network",
        "mysql-data",
        "mysql-configuration",
    ]


def test_what_is_explained_shows_no_secret(local: LocalShell, tmp_path: Path, web: str) -> None:
    rule = "rules: [{name: r, validations: [{expression: 'false', messageExpression: \"object.spec.containers[0].env[0].value\"}]}]\n"
    file = policy(tmp_path, f"podSecurity: {{level: restricted}}\n{rule}")
    for form in ("", "-o=json", "-o=yaml"):
        result = local("policy", "explain", file, web, *([form] if form else []))
        assert result.code == 1
        assert CANARY not in result.out + result.err
        assert "(hidden)" in result.out


def test_controls_are_listed(local: LocalShell) -> None:
    rows = json.loads(local("policy", "controls", "-o", "json").out)
    assert {"control": "Root: privileged", "of": "root"}.items() <= rows[-7].items()
    assert local("policy", "controls").out.startswith("HostProcess")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("policy",), "say what to do: take check, explain, controls"),
        (("policy", "chek"), "did you mean check?"),
        (("policy", "check"), "write: podstead policy check FILE"),
        (("policy", "explain", EXAMPLE), "write: podstead policy explain FILE MANIFEST"),
        (("check", "--signer", "a", ARTICLE), "give --policy FILE as well"),
        (("check", "--policy", EXAMPLE, "--pod-security", "baseline", ARTICLE), "a policy's own level is in its file"),
    ],
)
def test_usage(local: LocalShell, words: tuple[str, ...], says: str) -> None:
    result = local(*words)
    assert result.code == 2
    assert says in result.err


def test_a_policy_that_cannot_be_read(local: LocalShell, tmp_path: Path, web: str) -> None:
    result = local("check", "--policy", str(tmp_path / "none.yaml"), web)
    assert result.code == 1
    assert result.err == f"error: cannot read the policy {tmp_path}/none.yaml: No such file or directory\n"
