"""`podstead inspect`: the report on a node, in every form."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from podstead.cli.commands.inspect import FORMS
from tests.support.canary import CANARY, HOSTILE, leaks
from tests.support.inspected import kubeadm_node, pod, process, put
from tests.unit.trust.sets import index_pair, key, signed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell, Result


@pytest.fixture
def node(tmp_path: Path) -> Path:
    root = tmp_path / "node"
    root.mkdir()
    kubeadm_node(root)
    return root


def report(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.out)
    return found


def found(result: Result) -> set[tuple[str, str]]:
    return {(one["id"], one["where"]) for one in report(result)["findings"]}


MANIFESTS = "/etc/kubernetes/manifests"
BASELINE = "/etc/podstead/inspect-baseline.json"


def test_a_node_in_good_order(local: LocalShell, node: Path) -> None:
    result = local("inspect", "--root", str(node), "-ojson")
    said = report(result)
    assert (result.code, found(result)) == (0, {("no-baseline", BASELINE)})
    assert said["node"] == "node3"
    assert said["sources"] == [{"place": MANIFESTS, "readBy": ["kubelet.service"]}]
    assert [(one["path"], one["becomes"], one["pod"], one["podSecurity"]) for one in said["files"]] == [
        (f"{MANIFESTS}/web.yaml", "Runs", "kube-system/web-node3", "baseline")
    ]
    assert {one["item"] for one in said["cis"] if one["where"]} == {
        "4.1.1", "4.1.2", "4.1.5", "4.1.6", "4.1.7", "4.1.8", "4.1.9", "4.1.10", "4.2.1", "4.2.2", "4.2.4",
    }  # fmt: skip
    assert all(one["passed"] for one in said["cis"])


def test_the_severity_decides_the_exit_code(local: LocalShell, node: Path) -> None:
    put(node, f"{MANIFESTS}/loose.yaml", pod("loose", image="a:1"), 0o600)
    arguments = ("inspect", "--root", str(node), "--fail-on")
    assert [local(*arguments, severity).code for severity in ("never", "high", "medium", "low", "info")] == [
        0,
        0,
        0,
        1,
        1,
    ]
    put(node, f"{MANIFESTS}/loose.yaml.bak", pod("loose2"), 0o600)
    assert [local(*arguments, severity).code for severity in ("never", "critical", "high")] == [0, 0, 1]
    wrong = local(*arguments, "bad")
    assert (wrong.code, wrong.err) == (
        2, "error: --fail-on: 'bad' is no severity: take info, low, medium, high, critical or never\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--root", "/does/not/exist"), (1, "there is no directory /does/not/exist to inspect")),
        (("--dir", "/tmp", "--kubelet"), (2, "take one of them")),
        (("-o", "xml"), (2, "there is no output format 'xml' here")),
        (("--pod-security", "strict"), (2, "--pod-security: no such level")),
        (("somewhere",), (2, "say --dir DIR")),
        (("--dir", "/tmp", "--approve"), (2, "add --baseline FILE")),
    ],
)
def test_a_wrong_command_line(local: LocalShell, arguments: tuple[str, ...], says: tuple[int, str]) -> None:
    result = local("inspect", *arguments)
    assert (result.code, says[1] in result.err, result.out) == (says[0], True, "")


def test_the_approved_state(local: LocalShell, node: Path) -> None:
    shell = ("inspect", "--root", str(node), "-ojson", "--fail-on=medium")
    approved = local("inspect", "--root", str(node), "--approve")
    assert (approved.code, approved.out) == (0, f"approved: 6 files, in {node}{BASELINE}\n")
    assert (node / BASELINE.lstrip("/")).stat().st_mode & 0o7777 == 0o600
    assert local(*shell).code == 0
    assert found(local(*shell)) == set()

    put(node, f"{MANIFESTS}/new.yaml", pod("new"))
    put(node, f"{MANIFESTS}/web.yaml", pod("web", namespace="default"))
    (node / "etc/kubernetes/kubelet.conf").unlink()
    (node / "var/lib/kubelet/kubeadm-flags.env").chmod(0o400)
    changed = local(*shell)
    assert (changed.code, found(changed)) == (1, {
        ("new-since-approval", f"{MANIFESTS}/new.yaml"),
        ("changed-since-approval", f"{MANIFESTS}/web.yaml"),
        ("changed-since-approval", "/var/lib/kubelet/kubeadm-flags.env"),
        ("gone-since-approval", "/etc/kubernetes/kubelet.conf"),
    })  # fmt: skip

    (node / BASELINE.lstrip("/")).chmod(0o644)
    assert found(local(*shell)) == {("baseline-untrusted", BASELINE)}


def test_a_kubelet_that_was_pointed_elsewhere(local: LocalShell, node: Path) -> None:
    """The directory looks as clean as ever, and the pods come from another."""
    local("inspect", "--root", str(node), "--approve")
    put(node, "/srv/pods/evil.yaml", pod("evil"))
    put(node, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--pod-manifest-path=/srv/pods\n")
    result = local("inspect", "--root", str(node), "-ojson")
    assert (result.code, ("source-changed", "/srv/pods") in found(result)) == (1, True)
    assert ("new-since-approval", "/srv/pods/evil.yaml") in found(result)
    assert ("new-since-approval", "/etc/default/kubelet") in found(result)


@pytest.mark.attack("false-kubelet")
def test_a_false_kubelet_leads_nobody_astray(local: LocalShell, node: Path) -> None:
    """Its arguments are not followed: neither are its files judged, nor do they count as sources."""
    put(node, "/home/eve/kubelet", "", 0o755)
    put(node, "/home/eve/pods/clean.yaml", pod("clean"))
    process(
        node,
        66,
        exe="/home/eve/kubelet",
        arguments=("/usr/bin/kubelet", "--pod-manifest-path=/home/eve/pods"),
        uid=1000,
    )
    result = local("inspect", "--root", str(node), "-ojson")
    assert (result.code, ("false-kubelet", "pid 66") in found(result)) == (1, True)
    assert [one["place"] for one in report(result)["sources"]] == [MANIFESTS]


def test_several_kubelets_and_what_a_unit_says_otherwise(local: LocalShell, node: Path) -> None:
    put(node, "/usr/bin/kubelet", "", 0o755)
    put(node, "/srv/two/b.yaml", pod("b"))
    for pid, more in ((10, "--config=/var/lib/kubelet/config.yaml"), (11, "--pod-manifest-path=/srv/two")):
        process(node, pid, exe="/usr/bin/kubelet", arguments=("/usr/bin/kubelet", more, "--hostname-override=n2"))
    said = report(local("inspect", "--root", str(node), "-ojson"))
    assert said["sources"] == [
        {"place": MANIFESTS, "readBy": ["pid 10", "kubelet.service"]},
        {"place": "/srv/two", "readBy": ["pid 11"]},
    ]
    assert said["node"] == "n2"
    open_doors = [(one["id"], one["where"]) for one in said["findings"] if one["id"].startswith("cis-4.2")]
    assert open_doors == [("cis-4.2.1", "pid 11"), ("cis-4.2.2", "pid 11"), ("cis-4.2.4", "pid 11")]


def test_one_directory(local: LocalShell, tmp_path: Path) -> None:
    directory = tmp_path / "m"
    directory.mkdir()
    (directory / "two.yaml").write_text(pod("a") + "---\n" + pod("b"))
    result = local("inspect", "--dir", str(directory), "-ojson")
    assert (result.code, ("reads-differently", f"{directory}/two.yaml") in found(result)) == (1, True)
    assert report(result)["sources"] == [{"place": str(directory), "readBy": ["--dir"]}]


@pytest.mark.attack("reads-differently")
def test_a_manifest_that_reads_differently(local: LocalShell, node: Path) -> None:
    """A reviewer sees the first image and an innocent first document; the kubelet runs the last key."""
    text = (
        pod("web", image="registry.example/good:1")
        + "    image: registry.example/evil:1\n    securityContext: {privileged: true}\n"
    )
    put(node, f"{MANIFESTS}/web.yaml", text)
    result = local("inspect", "--root", str(node), "-ojson")
    assert {("reads-differently", f"{MANIFESTS}/web.yaml"), ("privileged-container", f"{MANIFESTS}/web.yaml")} <= found(
        result
    )
    (file,) = report(result)["files"]
    assert file["images"] == ["registry.example/evil:1"], "what would run, not what is read first"


def test_a_required_level(local: LocalShell, node: Path) -> None:
    result = local("inspect", "--root", str(node), "--pod-security=restricted", "-ojson", "--fail-on=medium")
    assert (result.code, ("pod-security", f"{MANIFESTS}/web.yaml") in found(result)) == (1, True)


@pytest.mark.attack("hostile-strings")
@pytest.mark.parametrize("form", FORMS)
def test_hostile_strings_and_a_secret_in_every_form(local: LocalShell, node: Path, form: str) -> None:
    name = HOSTILE.replace("/", "-")
    secret = f"    env: [{{name: PASSWORD, value: {CANARY}}}, {{name: U, value: 'http://u:{CANARY}@h'}}]\n"
    put(node, f"{MANIFESTS}/{name}.yaml", pod("web") + secret)
    put(node, f"{MANIFESTS}/odd.yaml", pod("odd", image=json.dumps(HOSTILE), namespace=json.dumps(HOSTILE)) + secret)
    put(node, f"{MANIFESTS}/bad.yaml", f"{{kind: {json.dumps(HOSTILE)}, {json.dumps(HOSTILE)}: 1}}")
    put(node, f"/{name}/kubelet", "", 0o755)
    process(node, 77, exe=f"/{name}/kubelet", arguments=(name, f"--manifest-url=http://u:{CANARY}@h/?{CANARY}"))
    (node / name).chmod(0o777)
    put(node, "/etc/default/kubelet", f'KUBELET_EXTRA_ARGS="--manifest-url=http://u:{CANARY}@{name}/x?t={CANARY}"\n')
    result = local("inspect", "--root", str(node), "-o", form)
    assert result.code == 1
    assert leaks(result.out) == []
    assert "odd.yaml" in result.out


def _sarif_faults(log: dict[str, Any]) -> list[str]:
    """Return where a log breaks what the schema of SARIF 2.1.0 asks of the parts that we write."""
    faults: list[str] = []

    def ask(holds: bool, what: str) -> None:
        faults.extend([] if holds else [what])

    ask(set(log) == {"$schema", "version", "runs"} and log["version"] == "2.1.0", "sarifLog")
    ask(bool(re.fullmatch(r"https://.*/sarif-schema-2\.1\.0\.json", log["$schema"])), "$schema")
    (run,) = log["runs"]
    ask(set(run) <= {"tool", "automationDetails", "columnKind", "results"}, "run")
    ask(run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}, "columnKind")
    driver = run["tool"]["driver"]
    ask(set(driver) <= {"name", "version", "rules"} and bool(driver["name"]), "toolComponent")
    levels = {"none", "note", "warning", "error"}
    for rule in driver["rules"]:
        ask(
            set(rule) <= {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"},
            rule["id"],
        )
        ask(all(set(rule[key]) == {"text"} for key in ("shortDescription", "fullDescription", "help")), rule["id"])
        ask(rule["defaultConfiguration"]["level"] in levels, rule["id"])
        ask(len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"]), "tags are unique")
    ids = [rule["id"] for rule in driver["rules"]]
    ask(len(ids) == len(set(ids)), "rules are unique")
    for result in run["results"]:
        ask(ids[result["ruleIndex"]] == result["ruleId"] and result["level"] in levels, "result")
        ask(set(result["message"]) == {"text"} and bool(result["message"]["text"]), "message")
        ask(all(isinstance(value, str) for value in result["partialFingerprints"].values()), "fingerprints")
        (location,) = result["locations"]
        ask(len(location) == 1 and set(location) <= {"physicalLocation", "logicalLocations"}, "location")
        if physical := location.get("physicalLocation"):
            uri = physical["artifactLocation"]["uri"]
            ask(bool(re.fullmatch(r"file:///[A-Za-z0-9/._~%-]*", uri)), f"uri {uri}")
            region = physical.get("region", {"startLine": 1, "startColumn": 1})
            ask(region["startLine"] >= 1 and region["startColumn"] >= 1, "region")
    return faults


def test_sarif_keeps_its_schema(local: LocalShell, node: Path) -> None:
    put(node, f"{MANIFESTS}/\x1b[31m ä.yaml", "kind: [\n")
    put(node, f"{MANIFESTS}/a b.yaml.bak", pod("b"))
    process(node, 66, exe="/nowhere/kubelet", arguments=("kubelet",), uid=1000)
    first, second = (local("inspect", "--root", str(node), "-osarif") for _ in range(2))
    log = report(first)
    assert _sarif_faults(log) == []
    results = log["runs"][0]["results"]
    assert [(one["ruleId"], one["level"]) for one in results] == [
        ("backup-would-run", "error"), ("false-kubelet", "error"), ("would-not-run", "warning"), ("no-baseline", "note"),
    ]  # fmt: skip
    marks = [one["partialFingerprints"]["podsteadFinding/v1"] for one in results]
    assert len(set(marks)) == 4
    assert marks == [one["partialFingerprints"]["podsteadFinding/v1"] for one in report(second)["runs"][0]["results"]]


@pytest.fixture
def signers(tmp_path: Path) -> str:
    file = tmp_path / "signers"
    file.write_text(f"ops@example.com {key('ops').public.text}\n")
    return str(file)


def test_detached_signatures(local: LocalShell, node: Path, signers: str) -> None:
    for name, by in (("good", "ops"), ("stranger", "stranger")):
        put(node, f"{MANIFESTS}/{name}.yaml", pod(name))
        put(node, f"{MANIFESTS}/{name}.yaml.sig", signed(pod(name).encode(), by))
    result = local("inspect", "--root", str(node), "-ojson", "--allowed-signers", signers)
    assert found(result) - {("no-baseline", BASELINE)} == {
        ("unsigned", f"{MANIFESTS}/web.yaml"),
        ("signature-invalid", f"{MANIFESTS}/stranger.yaml"),
    }
    assert result.code == 1
    assert (
        local("inspect", "--root", str(node), "--allowed-signers", "/none").err
        == "error: cannot read /none: No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("node_name", "by", "expected"),
    [
        (
            "node3",
            "ops",
            {("unsigned", "extra.yaml"), ("signature-invalid", "web.yaml"), ("listed-file-missing", "gone.yaml")},
        ),
        ("node4", "ops", {("signature-invalid", "podstead.index")}),
        ("node3", "stranger", {("signature-invalid", "podstead.index")}),
    ],
)
def test_a_signed_index(
    local: LocalShell, node: Path, signers: str, node_name: str, by: str, expected: set[tuple[str, str]]
) -> None:
    """The index alone answers: a detached signature beside it admits nothing."""
    put(node, f"{MANIFESTS}/extra.yaml", pod("extra"))
    put(node, f"{MANIFESTS}/extra.yaml.sig", signed(pod("extra").encode()))
    put(node, f"{MANIFESTS}/same.yaml", pod("same"))
    files = (("gone.yaml", b"x"), ("same.yaml", pod("same").encode()), ("web.yaml", b"as it was"))
    index, signature = index_pair(1, files, by=by, node=node_name, issued=1_700_000_000, expires=4_000_000_000)
    put(node, f"{MANIFESTS}/podstead.index", index)
    put(node, f"{MANIFESTS}/podstead.index.sig", signature)
    result = local("inspect", "--root", str(node), "-ojson", "--allowed-signers", signers)
    said = {(rule, where.removeprefix(f"{MANIFESTS}/")) for rule, where in found(result)}
    assert said - {("no-baseline", BASELINE)} == expected
