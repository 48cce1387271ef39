"""`podstead describe` and `status`: what they say, and what they never say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.allowances import Allowance
from podstead.cli.describe_container import probe_text
from podstead.cli.describe_file import describe_file
from podstead.cli.describe_pod import describe_pod
from podstead.cli.overview import Status, overview, why_not_ready
from podstead.k8s import core_v1 as v1
from podstead.manifest.reading import Message, Severity
from podstead.server.port import FileReport, Problem
from podstead.server.printers.files import file_cells
from podstead.store.changes import EVENTS, PODS
from tests.unit.cli.objects import CANARY, HOSTILE, container_status, event, fill, mysql, waiting_pod

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Shell


def after(text: str, key: str) -> str:
    """Return what stands beside a key."""
    return next(line.strip().removeprefix(key).strip() for line in text.splitlines() if line.strip().startswith(key))


async def test_describe_pod(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("describe", "pod", "mysql", "-n", "kube-system")
    assert (result.code, result.err) == (0, "")
    text = result.out
    assert text.splitlines()[:3] == [
        "Name:                 mysql-node1",
        "Namespace:            kube-system",
        "Priority:             2000000000",
    ]
    assert "Labels:               name=mysql\n                      run=mysql\n" in text
    assert after(text, "Liveness:") == "tcp-socket :3311 delay=15s timeout=1s period=5s #success=1 #failure=8"
    assert after(text, "Readiness:").startswith("exec <set> delay=0s")
    assert after(text, "MYSQL_ROOT_PASSWORD:") == "<set>"
    assert after(text, "NODE:") == "<set> from spec.nodeName"
    assert after(text, "NOTHING:") == "<empty>"
    assert after(text, "Command:") == "<set> (2 words)"
    assert after(text, "Args:") == "<set> (1 word)"
    assert after(text, "Mounts:") == "/var/lib/mysql from mysql-data (rw)"
    assert (
        "  mysql-data:\n    Type:          HostPath (a path of the node)\n    Path:          /opt/mysql/data\n" in text
    )
    assert after(text, "Tolerations:") == ":NoExecute op=Exists"
    assert text.splitlines()[-3:] == [
        "  Type     Reason     Age                From             Message",
        "  ----     ------     ---                ----             -------",
        "  Warning  Unhealthy  30s (x3 over 60m)  podstead, node1  Liveness probe failed: connection refused",
    ]
    assert CANARY not in text


def test_describe_shows_references_to_objects_and_nothing_of_them() -> None:
    def key(kind: str, **more: bool) -> v1.EnvVarSource:
        if kind == "secret":
            return v1.EnvVarSource(secret_key_ref=v1.SecretKeySelector(name="db", key="password", **more))
        return v1.EnvVarSource(config_map_key_ref=v1.ConfigMapKeySelector(name="web", key="mode", **more))

    container = v1.Container(
        name="main",
        env=(
            v1.EnvVar(name="PASSWORD", value_from=key("secret")),
            v1.EnvVar(name="MODE", value_from=key("configMap", optional=True)),
        ),
        env_from=(v1.EnvFromSource(prefix="DB_", secret_ref=v1.SecretEnvSource(name="db", optional=True)),),
    )
    volumes = (
        v1.Volume(name="conf", config_map=v1.ConfigMapVolumeSource(name="web")),
        v1.Volume(name="keys", secret=v1.SecretVolumeSource(secret_name="tls", optional=True)),
    )
    secrets = (v1.LocalObjectReference(name="regcred"),)
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="web-node1"),
        spec=v1.PodSpec(containers=(container,), volumes=volumes, image_pull_secrets=secrets),
    )
    text = "\n".join(describe_pod(pod).lines())
    assert after(text, "PASSWORD:") == "<set to the key 'password' in secret 'db'>"
    assert after(text, "MODE:") == "<set to the key 'mode' in configMap 'web'>, optional"
    assert after(text, "Environment From:") == "secret db with prefix 'DB_', optional"
    assert after(text, "Pull Secrets:") == "regcred"
    assert after(text, "SecretName:") == "tls"
    assert "Type:      ConfigMap (a volume populated by a ConfigMap)\n    Name:      web\n" in text


def test_volumes_by_where_their_content_comes_from() -> None:
    labels = v1.DownwardAPIVolumeFile(path="l", field_ref=v1.ObjectFieldSelector(field_path="metadata.labels"))
    memory = v1.DownwardAPIVolumeFile(
        path="m", resource_field_ref=v1.ResourceFieldSelector(container_name="c", resource="limits.memory")
    )
    sources = (
        v1.VolumeProjection(downward_api=v1.DownwardAPIProjection(items=(labels,))),
        v1.VolumeProjection(secret=v1.SecretProjection(name="keys")),
    )
    volumes = (
        v1.Volume(name="info", downward_api=v1.DownwardAPIVolumeSource(items=(labels, memory))),
        v1.Volume(name="all", projected=v1.ProjectedVolumeSource(sources=sources)),
        v1.Volume(name="data", image=v1.ImageVolumeSource(reference="data:1", pull_policy="Never")),
        v1.Volume(name="files", nfs=v1.NFSVolumeSource(server="s", path="/x", read_only=True)),
    )
    mount = v1.VolumeMount(name="data", mount_path="/d", sub_path_expr="$(A)/b")
    container = v1.Container(name="c", volume_mounts=(mount,))
    described = describe_pod(
        v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=v1.PodSpec(containers=(container,), volumes=volumes))
    )
    text = "\n".join(described.lines())
    for words in ("DownwardAPI (a volume", "Projected (a volume", "Image (a container image", "NFS (an NFS mount"):
        assert words in text
    for line in ("metadata.labels -> l", "c: limits.memory -> m", "keys", "data:1", '/d from data (rw,path="$(A)/b")'):
        assert line in text


async def test_describe_tells_the_latest_event_last(shell: Shell) -> None:
    fill(shell.node)
    old = event("mysql-node1.zz", "an old one")
    shell.node.store.put(EVENTS, msgspec.structs.replace(old, last_timestamp="2026-09-21T13:20:00Z"))
    lines = (await shell("describe", "pod", "mysql", "-n", "kube-system")).out.splitlines()
    assert [line.rpartition("  ")[2] for line in lines[-2:]] == [
        "an old one",
        "Liveness probe failed: connection refused",
    ]


async def test_describe_tells_the_last_state(shell: Shell) -> None:
    ended = v1.ContainerStateTerminated(
        exit_code=137, reason="OOMKilled", message="out of memory", finished_at="2026-09-21T13:00:00Z"
    )
    status = container_status("mysql", restart_count=4, last_state=v1.ContainerState(terminated=ended))
    pod = mysql()
    assert pod.status is not None
    shell.node.store.put(
        PODS, msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, container_statuses=(status,)))
    )
    text = (await shell("describe", "po", "mysql", "-nkube-system")).out
    assert (after(text, "Last State:"), after(text, "Restart Count:")) == ("Terminated", "4")
    assert (after(text, "Reason:"), after(text, "Exit Code:")) == ("OOMKilled", "137")


async def test_describe_all_pods_and_a_missing_one(shell: Shell) -> None:
    fill(shell.node)
    both = await shell("describe", "pods", "-A")
    assert [line for line in both.out.splitlines() if line.startswith("Name:")] == [
        "Name:                 mysql-node1",
        "Name:            web-node1",
    ]
    missing = await shell("describe", "pod", "mysql")
    assert missing.code == 1
    assert "add -n kube-system" in missing.err
    assert (await shell("describe", "events")).code == 2


async def test_describe_a_file_that_is_refused(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("describe", "file", "/etc/manifests/bad.yaml")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[:4] == [
        "Name:      bad.yaml",
        "Path:      /etc/manifests/bad.yaml",
        "Verdict:   Rejected (NotAPod)",
        "Messages:  error: 2:7: kind: a Deployment stands here",
    ]
    assert after(result.out, "Writer:") == "nobody was seen"
    assert [after(result.out, key) for key in ("Revision:", "Running:", "Pods:")] == ["<none>"] * 3
    missing = await shell("describe", "file", "none.yaml")
    assert (missing.code, "none.yaml" in missing.err) == (1, True)
    every = await shell("describe", "files")
    assert [line.split()[1] for line in every.out.splitlines() if line.startswith("Name:")] == [
        "bad.yaml",
        "mysql.yaml",
    ]


def test_a_described_file_says_whose_word_its_pods_run_on() -> None:
    report = FileReport(
        path="/m/web.yaml",
        verdict="Rejected",
        reason="DigestMismatch",
        pods=("default/web-node1", "default/gone-node1"),
        running="r1",
        writer="written by root with vi (pid 7)",
    )
    text = "\n".join(describe_file(report, (held_pod(),)).lines())
    assert after(text, "Writer:") == "written by root with vi (pid 7)"
    assert text.splitlines()[-4:] == [
        "  Pod                 Phase      Signed By        Held",
        "  ---                 -----      ---------        ----",
        "  default/web-node1   Running    ops@example.com  KeyRevoked",
        "  default/gone-node1  not there",
    ]


def held_pod() -> v1.Pod:
    why = v1.PodCondition(type="podstead.io/Held", status="True", reason="KeyRevoked", message="sign it again")
    return v1.Pod(
        metadata=v1.ObjectMeta(
            name="web-node1", namespace="default", annotations={"podstead.io/signed-by": "ops@example.com"}
        ),
        spec=v1.PodSpec(containers=()),
        status=v1.PodStatus(phase="Running", conditions=(why, v1.PodCondition(type="Ready", status="True"))),
    )


def test_status_tells_of_held_pods_and_of_what_root_let_through() -> None:
    digest = "ed721306257a8000" * 4
    allowed = Allowance(digest=digest, file="a.yaml", reason="incident 1", since="2026-11-23T15:53:10Z", left=3700)
    ended = Allowance(digest=digest, file="b.yaml", reason="incident 2", since="2026-11-23T15:53:10Z", left=0)
    lines = overview(Status(node="node1", version="1", instance="i"), (), (held_pod(),), "", (allowed, ended))
    at = lines.index("Let through for a while:")
    assert lines[at : at + 5] == [
        "Let through for a while:",
        "  a.yaml: 1h01m more: incident 1 (podstead allow end ed721306257a)",
        "",
        "Worth knowing:",
        "  default/web-node1: held, so what ends of it is not started again: KeyRevoked: sign it again",
    ]


def test_status_does_not_contradict_the_verdicts() -> None:
    stale = Problem(
        reason="ManifestsRejected", message="of the manifest files 1 is rejected", advice="podstead get files"
    )
    status = Status(node="node1", version="1", instance="i", directory="/m", problems=(stale,))
    good = FileReport(path="/m/a.yaml", verdict="Accepted")
    assert "Wrong:" not in overview(status, (good,), ())
    bad = FileReport(path="/m/a.yaml", verdict="Rejected", reason="NotAPod")
    assert "  ManifestsRejected: of the manifest files 1 is rejected" in overview(status, (bad,), ())


async def test_what_is_typed_under_another_name_leads_to_the_command(shell: Shell) -> None:
    for words, hint in (
        (("events",), "did you mean 'podstead get events'?"),
        (("get", "foreign"), "see podstead status, where ForeignInRuntime"),
        (("get", "quarantine"), "see podstead quarantine list"),
        (("describe", "signers"), "see podstead keys"),
    ):
        result = await shell(*words)
        assert (result.code, hint in result.err) == (2, True), words


async def test_describe_node(shell: Shell) -> None:
    fill(shell.node)
    shell.node.store.put(EVENTS, event("n1", "started", kind="Node", about="node1", namespace="default"))
    text = (await shell("describe", "node")).out
    assert after(text, "InternalIP:") == "192.0.2.10"
    assert after(text, "Container Runtime Version:") == "containerd://1.6.20"
    assert "  Ready  True    AgentReady  the agent is ready\n" in text
    assert [line.split() for line in text.splitlines() if "(default)" in line or line.startswith("  runc")] == [
        ["(default)", "false", "false"],
        ["runc", "true", "false"],
    ]
    assert "  kube-system  mysql-node1  Running  200m" in text
    assert text.splitlines()[-1].endswith("started")
    assert CANARY not in text


async def test_status_is_one_screen(shell: Shell) -> None:
    fill(shell.node)
    result = await shell("status")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "Node:       node1, ready"
    assert "Manifests:  /etc/manifests: 2 files (1 Accepted, 1 Rejected)" in lines
    assert "Pods:       2 pods (1 Pending, 1 Running); 1 ready" in lines
    assert "Shutdown:   logind waits until pods have ended in their order, 60 s at most" in lines
    at = lines.index("Not ready:")
    assert lines[at:] == [
        "Not ready:",
        "  shop/web-node1: container web: ImagePullBackOff: registry.example does not answer",
        "",
        "Files that are not run:",
        "  bad.yaml: NotAPod: 2:7: kind: a Deployment stands here",
        "",
        "Wrong:",
        "  NameChanged: the host is now called other",
        "",
        "Next:",
        "  hostnamectl set-hostname node1",
        f"  podstead --socket {shell.node.path} describe pod -n shop web-node1",
        f"  podstead --socket {shell.node.path} check /etc/manifests/bad.yaml",
    ]


def _said(line: int, text: str = "x", severity: Severity = Severity.ERROR) -> Message:
    return Message(line=line, column=1, field="", severity=severity, message=text)


def test_a_refused_file_is_shown_with_an_error_rather_than_a_remark() -> None:
    messages = (_said(1, "a remark", Severity.WARNING), _said(2, "why"))
    report = FileReport(path="/m/a.yaml", verdict="Rejected", reason="InvalidManifest", messages=messages)
    status = Status(node="node1", version="1", instance="i")
    assert "  a.yaml: InvalidManifest: 2:1: why" in overview(status, (report,), ())
    assert file_cells(report, 0.0).texts[-1] == "2:1: why (and 1 more)"


def test_advice_names_the_agent_as_the_asker_did_and_leads_to_the_reason() -> None:
    problems = (
        Problem(reason="ManifestDirectoryDegraded", message="x", advice="mount it, or: podstead accept-directory"),
    )
    linked = FileReport(path="/m/a b.yaml", verdict="Rejected", reason="HardLink", messages=(_said(0),))
    wrong = FileReport(path="/m/a b.yaml", verdict="Rejected", reason="NotAPod", messages=(_said(2),))
    status = Status(node="node1", version="1", instance="i", problems=problems)
    flags = "--root-dir /tmp/podstead"
    assert overview(status, (linked,), (), flags)[-2:] == [
        "  mount it, or: podstead --root-dir /tmp/podstead accept-directory",
        "  podstead --root-dir /tmp/podstead get files -o wide",
    ]
    assert overview(status, (wrong,), ())[-2:] == [
        "  mount it, or: podstead accept-directory",
        "  podstead check '/m/a b.yaml'",
    ]


def test_status_tells_of_edits_that_are_not_in_force() -> None:
    conditions = (
        v1.PodCondition(type="podstead.io/FollowsFile", status="False", reason="RolledBack", message="r1 runs"),
        v1.PodCondition(type="podstead.io/CandidateReady", status="True", message="no word"),
        v1.PodCondition(type="Ready", status="True"),
    )
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="web-node1", namespace="default"),
        spec=v1.PodSpec(containers=()),
        status=v1.PodStatus(phase="Running", conditions=conditions),
    )
    lines = overview(Status(node="node1", version="1", instance="i"), (), (pod,))
    at = lines.index("Worth knowing:")
    assert lines[at : at + 3] == ["Worth knowing:", "  default/web-node1: r1 runs", ""]


def test_the_sources_of_an_environment_are_named() -> None:
    chosen = v1.EnvVarSource(resource_field_ref=v1.ResourceFieldSelector(resource="limits.memory"))
    other = v1.EnvVarSource(resource_field_ref=v1.ResourceFieldSelector(resource="limits.cpu", container_name="side"))
    of_file = v1.EnvVarSource(file_key_ref=v1.FileKeySelector(key="K", path="made/env", volume_name="made"))
    env = tuple(
        v1.EnvVar(name=name, value_from=source) for name, source in (("M", chosen), ("C", other), ("F", of_file))
    )
    spec = v1.PodSpec(containers=(v1.Container(name="c", image="i", env=env),))
    text = "\n".join(describe_pod(v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=spec)).lines())
    assert after(text, "M:") == "<set> from limits.memory"
    assert after(text, "C:") == "<set> from limits.cpu of container side"
    assert after(text, "F:") == "<set to the key 'K' in file 'made/env' of volume 'made'>"


def test_status_names_the_init_container_that_is_at_work() -> None:
    waiting = v1.ContainerState(waiting=v1.ContainerStateWaiting(reason="PodInitializing"))
    begun = v1.ContainerState(running=v1.ContainerStateRunning())
    first, second = (
        v1.ContainerStatus(name=name, image="i", image_id="", ready=False, restart_count=0, started=False, state=state)
        for name, state in (("prepare", begun), ("side", waiting))
    )
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="p"),
        spec=v1.PodSpec(containers=()),
        status=v1.PodStatus(phase="Pending", init_container_statuses=(first, second)),
    )
    assert why_not_ready(pod) == "container prepare: runs, and the containers after it wait for it"


def test_status_says_why_a_pod_was_ended_rather_than_how_its_containers_did() -> None:
    killed = v1.ContainerState(terminated=v1.ContainerStateTerminated(exit_code=137, reason="Error"))
    one = v1.ContainerStatus(name="c", image="i", image_id="", ready=False, restart_count=0, state=killed)
    status = v1.PodStatus(phase="Failed", reason="DeadlineExceeded", message="too long", container_statuses=(one,))
    pod = v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=v1.PodSpec(containers=()), status=status)
    assert why_not_ready(pod) == "DeadlineExceeded: too long"


def test_what_to_type_is_said_once() -> None:
    problems = tuple(Problem(reason=f"Reason{n}", message="x", advice="podstead get files") for n in range(2))
    lines = overview(Status(node="node1", version="1", instance="i", problems=problems), (), ())
    assert lines[-2:] == ["Next:", "  podstead get files"]


async def test_status_of_an_empty_node_says_how_to_begin(shell: Shell) -> None:
    result = await shell("status")
    assert result.out.splitlines()[-2:] == ["Next:", "  cp pod.yaml /etc/manifests/"]


async def test_hostile_text_is_escaped_everywhere(shell: Shell) -> None:
    fill(shell.node)
    shell.node.store.put(PODS, waiting_pod(message=HOSTILE))
    shell.node.store.put(EVENTS, event("e2", HOSTILE))
    shell.node.agent.reports = [
        msgspec.structs.replace(r, path=f"/etc/manifests/{HOSTILE}.yaml", owner=HOSTILE)
        for r in shell.node.agent.reports
    ]
    for words in (
        ("get", "pods", "-A", "-owide", "--show-labels"),
        ("get", "pods", "-A", "-ojson"),
        ("get", "pods", "-A", "-oyaml"),
        ("get", "events", "-A", "-owide"),
        ("get", "events", "-A", "-oyaml"),
        ("get", "files", "-owide"),
        ("get", "files", "-ojson"),
        ("describe", "pod", "-A"),
        ("describe", "node"),
        ("describe", "file"),
        ("describe", "file", HOSTILE),
        ("status",),
        ("get", "pod", HOSTILE),
        ("get", HOSTILE),
        ("logs", HOSTILE),
        (HOSTILE,),
    ):
        result = await shell(*words)
        for line in (result.out + result.err).splitlines():
            assert line.isprintable(), (words, line)


async def test_the_password_shows_only_where_the_whole_object_is_asked_for(shell: Shell) -> None:
    fill(shell.node)
    for words in (
        ("get", "pods", "-A", "-owide", "--show-labels"),
        ("get", "pods", "-A", "-oname"),
        ("get", "events", "-A", "-owide"),
        ("get", "files", "-ojson"),
        ("describe", "pod", "-A"),
        ("describe", "node"),
        ("describe", "file"),
        ("status",),
        ("status", "-ojson"),
        ("version",),
    ):
        result = await shell(*words)
        assert CANARY not in result.out + result.err, words


def test_probes_in_words() -> None:
    get = v1.Probe(http_get=v1.HTTPGetAction(port="web", path="/healthz?token=secret"))
    assert probe_text(get) == "http-get http://:web/healthz?<set> delay=0s timeout=1s period=10s #success=1 #failure=3"
    assert probe_text(v1.Probe(grpc=v1.GRPCAction(port=9090))).startswith("grpc <pod>:9090 delay=0s")
