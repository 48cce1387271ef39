"""`podstead check`: verdicts offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.objects import CANARY
from tests.unit.house.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import LocalShell

GOOD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: web, image: web:1}\n"
WARNED = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: db}}
spec:
  containers:
  - name: db
    image: db:1
    imagePullPolcy: Always
    env: [{{name: PASSWORD, value: {CANARY}}}]
"""


def test_an_accepted_file(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(GOOD)
    result = local("check", str(file), "--node-name", "Node1")
    assert (result.code, result.out, result.err) == (0, f"{file}: Accepted: default/web-node1\n", "")


def test_kubeadms_control_plane_passes_without_a_word(local: LocalShell) -> None:
    files = sorted((ROOT / "tests" / "golden" / "manifest").glob("kubeadm-*.yaml"))
    assert [file.stem.removeprefix("kubeadm-") for file in files] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ]
    for file in files:
        pod = f"kube-system/{file.stem.removeprefix('kubeadm-')}-node1"
        result = local("check", "--strict", str(file), "--node-name=node1")
        assert (result.code, result.out, result.err) == (0, f"{file}: Accepted: {pod}\n", "")


def test_a_warning_and_strict(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "db.yaml"
    file.write_text(WARNED)
    warned = local("check", str(file), "--node-name=n")
    assert warned.code == 0
    assert warned.out.startswith(f"{file}:8:5: warning: spec.containers[0].imagePullPolcy: ")
    assert "imagePullPolicy" in warned.out
    assert warned.out.endswith(f"{file}: Accepted: default/db-n\n")
    strict = local("check", "--strict", str(file))
    assert (strict.code, ":8:5: error: " in strict.out, ": Rejected (" in strict.out) == (1, True, True)
    for result in (
        warned,
        strict,
        local("check", str(file), "-oyaml", "--as-kubelet"),
        local("check", str(file), "-ojson"),
    ):
        assert CANARY not in result.out + result.err


def test_json_has_the_fields_of_get_files(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("kind: Deployment\napiVersion: apps/v1\n")
    result = local("check", str(file), "-ojson")
    report = json.loads(result.out)[0]
    assert (result.code, report["path"], report["verdict"], report["pods"]) == (1, str(file), "Rejected", [])
    assert set(report["messages"][0]) == {"line", "column", "field", "severity", "message"}
    assert report["reason"]


def test_as_kubelet(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(GOOD)
    out = local("check", str(file), "--as-kubelet", "--node-name", "n").out
    assert f"{file}: kubelet: It would run the pod default/web-n.\n" in out


def test_a_directory_is_judged_as_the_agent_would(local: LocalShell, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml", "c.yaml.bak"):
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "d.yaml").symlink_to("a.yaml")
    os.mkfifo(tmp_path / "e.yaml")
    (tmp_path / "f.yaml").write_text(GOOD)
    (tmp_path / "g.bak").hardlink_to(tmp_path / "f.yaml")
    result = local("check", str(tmp_path), "--node-name", "n", "-ojson")
    verdicts = {
        report["path"].rsplit("/", 1)[-1]: (report["verdict"], report["reason"]) for report in json.loads(result.out)
    }
    assert verdicts == {
        "a.yaml": ("Rejected", "DuplicatePod"),
        "b.yaml": ("Rejected", "DuplicatePod"),
        "c.yaml.bak": ("Ignored", "BackupFile"),
        "d.yaml": ("Rejected", "SymbolicLink"),
        "e.yaml": ("Rejected", "NotAFile"),
        "f.yaml": ("Rejected", "HardLink"),
        "g.bak": ("Ignored", "BackupFile"),
    }
    assert result.code == 1


def test_an_empty_directory_is_said(local: LocalShell, tmp_path: Path) -> None:
    result = local("check", str(tmp_path))
    assert (result.code, result.out, result.err) == (
        0,
        "",
        "there is no manifest: files are named *.yaml, *.yml or *.json\n",
    )


def test_what_cannot_be_read_is_2(local: LocalShell, tmp_path: Path) -> None:
    good = tmp_path / "web.yaml"
    good.write_text(GOOD)
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    for bad in (tmp_path / "none.yaml", pipe):
        result = local("check", str(good), str(bad))
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert result.err.startswith(f"error: cannot read {bad}: ")
        assert ": Accepted: " in result.out


@pytest.mark.parametrize("size", [100_000, 9_000_000])
@pytest.mark.parametrize("text", ["[", "- ", "{a: "])
def test_bombs_are_refused(local: LocalShell, tmp_path: Path, text: str, size: int) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(text * (size // len(text)))
    result = local("check", str(file), "--as-kubelet")
    assert (result.code, f"{file}: Rejected (" in result.out) == (1, True)


def test_standard_input_and_shell_pipes(tmp_path: Path) -> None:
    program = f"{sys.executable} -m podstead check --node-name n"
    piped = subprocess.run(
        ["bash", "-c", f"{program} -"], input=GOOD, capture_output=True, text=True, check=True, timeout=20
    )
    assert piped.stdout == "-: Accepted: default/web-n\n"
    (tmp_path / "web.yaml").write_text(GOOD)
    substituted = subprocess.run(
        ["bash", "-c", f"{program} <(cat {tmp_path}/web.yaml)"], capture_output=True, text=True, check=True, timeout=20
    )
    assert substituted.stdout.endswith(": Accepted: default/web-n\n")


@pytest.mark.root
def test_any_user_may_and_is_told_what_he_may_not(short_directory: Path) -> None:
    short_directory.chmod(0o755)
    secret, shown = short_directory / "secret.yaml", short_directory / "shown.yaml"
    for file, mode in ((secret, 0o600), (shown, 0o644)):
        file.write_text(GOOD)
        file.chmod(mode)
    # Once as root, so that every module is loaded: the interpreter's own files may be out of others' reach.
    code = (
        "import contextlib, io, os, sys; from podstead.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(sys.argv[1:])\n"
        "os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "check", "--node-name=n", str(secret), str(shown)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (2, f"error: cannot read {secret}: Permission denied\n")
    assert done.stdout == f"{shown}: Accepted: default/web-n\n"


REFERRING = GOOD.replace(
    "image: web:1}",
    "image: web:1, env: [{name: P, valueFrom: {secretKeyRef: {name: db, key: password}}}], envFrom:"
    " [{configMapRef: {name: web}}, {configMapRef: {name: maybe, optional: true}}]}",
)
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{user: {CANARY}}}\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n"


def test_references_are_accepted_and_said_not_to_be_looked_for(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(REFERRING)
    result = local("check", str(file), "--node-name=n")
    assert result.code == 0
    warning, verdict = result.out.splitlines()
    assert warning == (
        f"{file}: warning: pod default/web-n refers to ConfigMap default/maybe, ConfigMap default/web, Secret default/db,"
        " which were not looked for: name their directory with --objects-dir"
    )
    assert verdict == f"{file}: Accepted: default/web-n"
    kubelet = local("check", str(file), "--node-name=n", "--as-kubelet")
    assert "It would reject the file: 3 fields it would not accept" in kubelet.out


def test_an_objects_directory_is_judged_and_looked_into(local: LocalShell, tmp_path: Path) -> None:
    file, objects = tmp_path / "web.yaml", tmp_path / "objects"
    objects.mkdir()
    file.write_text(REFERRING)
    (objects / "db.yaml").write_text(SECRET)
    (objects / "bad.yaml").write_text("kind: Secret\n")
    (objects / "notes.txt").write_text("")
    result = local("check", str(file), f"--objects-dir={objects}", "--node-name=n")
    assert result.code == 1
    assert CANARY not in result.out
    lines = result.out.splitlines()
    assert f"{objects}/db.yaml: Accepted: Secret default/db" in lines
    assert f"{objects}/bad.yaml: Rejected (InvalidManifest)" in lines
    assert f"{objects}/notes.txt: Ignored (NotAManifestName)" in lines
    assert lines[-3:] == [
        f"{file}: warning: pod default/web-n waits: Secret default/db has no key 'password'",
        f"{file}: warning: pod default/web-n waits: there is no ConfigMap default/web",
        f"{file}: Accepted: default/web-n",
    ]
    (objects / "bad.yaml").write_text(CONFIG_MAP)
    (objects / "db.yaml").write_text(SECRET.replace("user", "password"))
    assert local("check", str(file), f"--objects-dir={objects}", "--node-name=n").out.splitlines()[-1] == lines[-1]
    alone = local("check", f"--objects-dir={objects}", "-o", "json")
    assert [one.get("objects") for one in json.loads(alone.out)] == [
        None, ["ConfigMap default/web"], ["Secret default/db"],
    ]  # fmt: skip
    assert local("check", f"--objects-dir={tmp_path}/none").code == 2


def test_a_file_of_objects_is_judged_as_what_it_is_and_among_manifests_sent_home(
    local: LocalShell, tmp_path: Path
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(SECRET + "---\n" + CONFIG_MAP)
    result = local("check", str(file))
    assert (result.code, result.out) == (0, f"{file}: Accepted: ConfigMap default/web, Secret default/db\n")
    among = local("check", str(tmp_path))
    assert among.code == 1
    assert "move the document into a file of the objects directory" in among.out


def test_a_level_of_pod_security_is_the_only_judge(local: LocalShell, tmp_path: Path) -> None:
    """What this agent does not support is not asked; what the level forbids is named with its control and place."""
    file = tmp_path / "p.yaml"
    file.write_text(GOOD + "  hostPID: true\n  volumes: [{name: v, csi: {driver: d}}]\n")
    assert local("check", str(file)).code == 1
    result = local("check", "--pod-security=baseline:v1.30", str(file))
    assert result.code == 1
    assert result.out.startswith(f"{file}:7:12: error: spec.hostPID: Host Namespaces (baseline:v1.30): must be unset")
    assert result.out.endswith(f"{file}: Rejected (PodSecurity baseline:v1.30): default/web\n")
    assert local("check", "--pod-security", "privileged", str(file)).out == f"{file}: Accepted: default/web\n"


def test_pod_security_needs_a_level_and_a_pod(local: LocalShell, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text("kind: Deployment\napiVersion: apps/v1\n")
    refused = local("check", "--pod-security=restricted", str(file))
    assert (refused.code, ": Rejected (NotAPod)" in refused.out) == (1, True)
    wrong = local("check", "--pod-security=strict", str(file))
    assert wrong.code == 2
    assert "the levels are privileged, baseline, restricted" in wrong.err
    mixed = local("check", "--pod-security=baseline", "--as-kubelet", str(file))
    assert (mixed.code, "that level alone" in mixed.err) == (2, True)
    file.write_text(WARNED)
    accepted = local("check", "--pod-security=baseline", "-ojson", str(file))
    report = json.loads(accepted.out)[0]
    assert (accepted.code, report["verdict"], report["pods"]) == (0, "Accepted", ["default/db"])
    assert CANARY not in accepted.out
