"""What is said of pods and of the files that hold them."""

from __future__ import annotations

import pytest

from podstead.inspection import rules
from podstead.inspection.arguments import Reader
from podstead.inspection.findings import Rule, Severity, shell
from podstead.inspection.places import SeenPlace, State, judge_place
from podstead.inspection.pods import Surroundings
from podstead.inspection.seen import Kind, SeenFile
from podstead.policy.pod_security.levels import standard
from tests.support.inspected import pod

DIRECTORY = "/etc/kubernetes/manifests"
AROUND = Surroundings(guarded=(DIRECTORY, "/run/containerd/containerd.sock"), real=lambda path: path.rstrip("/") or "/")


def entry(name: str, text: str, *, mode: int = 0o600, uid: int = 0, links: int = 1, target: str = "") -> SeenFile:
    return SeenFile(
        path=f"{DIRECTORY}/{name}", kind=Kind.FILE, mode=mode, uid=uid, owner="x", links=links, target=target,
        data=text.encode(),
    )  # fmt: skip


def told(*entries: SeenFile, around: Surroundings = AROUND, reader: Reader = Reader.KUBELET) -> set[tuple[str, str]]:
    """Return rule and severity of everything found."""
    place = SeenPlace(path=DIRECTORY, real=DIRECTORY, reader=reader, origins=("pid 1",), entries=entries)
    return {(one.rule.id, one.severity) for one in judge_place(place, "node1", around).findings}


def mounting(path: str, *, read_only: bool = False) -> str:
    return (
        pod("db", more=f"  volumes: [{{name: v, hostPath: {{path: {path}}}}}]\n")
        + f"    volumeMounts: [{{name: v, mountPath: /x, readOnly: {str(read_only).lower()}}}]\n"
    )


def test_a_plain_pod_in_a_file_of_roots_alone() -> None:
    assert told(entry("web.yaml", pod("web"))) == set()


@pytest.mark.parametrize(
    ("path", "severity", "rule"),
    [
        ("/opt/mysql", Severity.MEDIUM, rules.HOST_PATH),
        ("/etc", Severity.CRITICAL, rules.REACHES_MANIFESTS),
        ("/", Severity.CRITICAL, rules.REACHES_MANIFESTS),
        (f"{DIRECTORY}/", Severity.CRITICAL, rules.REACHES_MANIFESTS),
        ("/run/containerd/containerd.sock", Severity.CRITICAL, rules.REACHES_MANIFESTS),
        ("/usr", Severity.HIGH, rules.HOST_PATH),
        ("/dev/sda", Severity.HIGH, rules.HOST_PATH),
        ("/etc/kubernetes/manifests-of-others", Severity.MEDIUM, rules.HOST_PATH),
    ],
)
def test_where_a_pod_may_write(path: str, severity: Severity, rule: Rule) -> None:
    assert told(entry("db.yaml", mounting(path))) == {(rule.id, severity)}
    assert told(entry("db.yaml", mounting(path, read_only=True))) == set()


def test_a_path_counts_by_where_its_links_lead() -> None:
    around = Surroundings(guarded=(DIRECTORY,), real=lambda _: "/etc/kubernetes")
    assert told(entry("db.yaml", mounting("/srv/link")), around=around) == {("reaches-manifests", "critical")}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("    securityContext: {privileged: true}\n", ("privileged-container", "high")),
        ("    securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}}\n", ("root-equal-capability", "high")),
        ("    env: [{name: DB_PASSWORD, value: x}]\n", ("secret-in-env", "medium")),
        ("    env: [{name: URL, value: 'postgres://u:p@h/d'}]\n", ("secret-in-env", "medium")),
        ("    imagePullPolcy: Always\n", ("field-dropped", "medium")),
        ("    name: other\n", ("reads-differently", "high")),
    ],
)
def test_what_a_container_says(more: str, expected: tuple[str, str]) -> None:
    assert told(entry("web.yaml", pod("web") + more)) == {expected}


def test_variables_that_only_point_to_secrets_are_none() -> None:
    more = "    env: [{name: PASSWORD_FILE, value: /x}, {name: TOKEN, value: ''}, {name: MODE, value: on-x}]\n"
    assert told(entry("web.yaml", pod("web") + more)) == set()


def test_a_secret_that_others_read_weighs_more() -> None:
    text = pod("web") + "    env: [{name: DB_PASSWORD, value: 12345}]\n"
    assert ("secret-readable", "high") in told(entry("web.yaml", text, mode=0o644))
    assert ("would-not-run", "medium") in told(entry("web.yaml", text)), "a number where a string is due"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("  hostPID: true\n", ("host-namespace", "high")),
        ("  hostNetwork: true\n", ("host-namespace", "low")),
    ],
)
def test_namespaces_of_the_node(more: str, expected: tuple[str, str]) -> None:
    assert told(entry("web.yaml", pod("web", more=more))) == {expected}


@pytest.mark.parametrize(
    ("image", "severity"), [("nginx", "medium"), ("h:5000/nginx", "medium"), ("nginx:latest", "medium"), ("a:1", "low")]
)
def test_images_by_tag(image: str, severity: str) -> None:
    assert told(entry("web.yaml", pod("web", image=image))) == {("image-without-digest", severity)}


def test_namespaces_that_hide_a_pod() -> None:
    assert ("namespace-invalid", "high") in told(entry("web.yaml", pod("web", namespace="Hidden_NS")))
    joined = Surroundings(guarded=(), real=str, in_cluster=True)
    assert told(entry("web.yaml", pod("web", namespace="ghost")), around=joined) == {("namespace-hidden", "low")}
    assert told(entry("web.yaml", pod("web", namespace="ghost"))) == set()


def test_the_mirror_annotation() -> None:
    text = pod("web").replace("namespace:", "annotations: {kubernetes.io/config.mirror: x}, namespace:")
    assert ("mirror-annotation", "high") in told(entry("web.yaml", text))


def test_a_level_that_is_asked_for() -> None:
    around = Surroundings(guarded=(), real=str, required=standard("restricted"))
    assert told(entry("web.yaml", pod("web")), around=around) == {("pod-security", "medium")}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (entry("web.yaml.bak", pod("web")), ("backup-would-run", "high")),
        (entry(".web.yaml", pod("web")), ("hidden-file", "low")),
        (entry("notes.txt", "hello: [\n"), ("would-not-run", "medium")),
        (entry("two.yaml", pod("a") + "---\n" + pod("b")), ("reads-differently", "high")),
        (entry("deploy.yaml", "apiVersion: apps/v1\nkind: Deployment\n"), ("would-not-run", "medium")),
        (entry("w.yaml", pod("w"), mode=0o620), ("manifest-writable", "critical")),
        (entry("w.yaml", pod("w"), uid=1000), ("manifest-writable", "critical")),
        (entry("w.yaml", pod("w"), links=2), ("manifest-is-link", "medium")),
        (entry("w.yaml", pod("w"), target="/srv/w.yaml"), ("manifest-is-link", "medium")),
        (SeenFile(path=f"{DIRECTORY}/d", kind=Kind.FIFO), ("entry-not-a-file", "low")),
        (SeenFile(path=f"{DIRECTORY}/d", kind=Kind.MISSING, target="gone"), ("entry-not-a-file", "low")),
        (entry("deep.yaml", "[" * 100), ("not-examined", "high")),
    ],
)
def test_what_an_entry_is(seen: SeenFile, expected: tuple[str, str]) -> None:
    assert told(seen) == {expected}


def test_podstead_passes_over_what_a_kubelet_runs() -> None:
    assert told(entry("web.yaml.bak", pod("web")), reader=Reader.PODSTEAD) == {("would-not-run", "low")}
    assert told(entry("web.yaml.sig", "x")) == set()


def test_two_files_of_one_pod() -> None:
    place = SeenPlace(
        path=DIRECTORY,
        real=DIRECTORY,
        reader=Reader.KUBELET,
        origins=("pid 1",),
        entries=(entry("a.yaml", pod("web")), entry("b.yaml", pod("web"))),
    )
    judged = judge_place(place, "node1", AROUND)
    assert [(one.where, one.rule) for one in judged.findings] == [
        (f"{DIRECTORY}/a.yaml", rules.DUPLICATE),
        (f"{DIRECTORY}/b.yaml", rules.DUPLICATE),
    ]
    assert [(one.state, one.pod, one.level) for one in judged.files] == [
        (State.RUNS, "kube-system/web-node1", "baseline")
    ] * 2


def test_paths_for_a_shell() -> None:
    assert shell("/a/b") == "/a/b"
    assert shell("/a b'c") == "'/a b'\"'\"'c'"
    assert shell("/\x1b[31m'\udcff") == r"$'/\x1b[31m\x27\xff'"


def test_no_two_rules_share_an_id() -> None:
    ids = [rule.id for rule in rules.RULES]
    assert len(ids) == len(set(ids))
