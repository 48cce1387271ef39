"""Pods held against a policy: who is let through, who is not, and why; labelled in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podstead.policy.host_paths import moved_fault
from podstead.policy.values import HostPathRule, Origin, PathFacts, PathStep
from tests.unit.policy.pods import DIGEST, NOW, UNSIGNED, controls, judge, manifest, policy, signed

ROOT = Path(__file__).parents[3]
ARTICLE = (ROOT / "tests/golden/manifest/article.yaml").read_bytes()
EXAMPLE = (ROOT / "docs/examples/policy-mysql.yaml").read_text()
ARTICLE_DIGEST = "sha256:bb43d6091a12b8c7c5ec993727210d0eefa2175371322abafc1b2dd6375c12cc"
BY_DBA = Origin(file="mysql.yaml", digest=DIGEST, signed=True, principals="dba@example.com")
HOST: dict[str, Any] = {"hostNetwork": True}
DATA: dict[str, Any] = {"volumes": [{"name": "d", "hostPath": {"path": "/opt/mysql/data"}}]}
NARROW = """podSecurity: {level: baseline}
exemptions:
- {name: net, pods: [default/mysql], controls: [Host Namespaces], reason: r, until: 2027-06-30, %s}
signers:
- {principals: [dba@example.com], pods: [default/mysql]}
- {principals: [web@example.com], pods: [default/web]}
"""
BOUND = NARROW.replace("%s", f'digests: ["{DIGEST}"]')
FREE = NARROW.replace("%s", "owner: o")


def example(without: str = "") -> Any:
    """Return the example's policy, without one of its entries."""
    text = EXAMPLE.partition("kind: NodePolicy\n")[2]
    if without:
        before, _, rest = text.partition(without)
        start = before.rindex("\n  - ")
        end = min(at for mark in ("\n  - ", "\n\n", "\n#") if (at := rest.find(mark)) >= 0)
        text = before[:start] + rest[end:]
    return policy(text.replace(" []", "").replace("exemptions:\n\n", "\n").replace("priorities:\n\n", "\n"))


@pytest.mark.parametrize("origin", [BY_DBA, Origin(file="m", digest=ARTICLE_DIGEST)], ids=["signed", "by digest"])
def test_the_example_admits_the_articles_mysql(origin: Origin) -> None:
    assert not judge(ARTICLE, example(), origin, enforce=origin.signed).refused


@pytest.mark.parametrize(
    ("entry", "control"),
    [
        ("name: mysql-network", "Host Namespaces"),
        ("name: mysql-data", "HostPath Volumes"),
        ("name: mysql-configuration", "HostPath Volumes"),
        ("classes: [system-cluster-critical]", "Critical Priority"),
    ],
)
def test_the_example_needs_each_of_its_entries(entry: str, control: str) -> None:
    assert controls(judge(ARTICLE, example(without=entry), BY_DBA)) == {control}


def test_the_example_needs_its_override_of_the_level() -> None:
    text = EXAMPLE.partition("kind: NodePolicy\n")[2]
    other = text.replace("    - pods: [kube-system/mysql]\n", "    - pods: [kube-system/other]\n", 1)
    assert other != text
    assert controls(judge(ARTICLE, policy(other), BY_DBA)) == {
        "Capabilities",
        "Privilege Escalation",
        "Running as Non-root",
        "Seccomp",
        "Volume Types",
    }


@pytest.mark.attack("borrowed-name")
@pytest.mark.parametrize(
    ("change", "control"),
    [
        ((b"/opt/mysql/data", b"/opt/other/data"), "HostPath Prefixes"),
        ((b"/opt/mysql/data", b"/"), "HostPath Volumes"),
        ((b"mysql:5.7.39", b"evil.example/mysql:5.7.39"), "Image Registries"),
        ((b"image: mysql", b"securityContext: {privileged: true}\n    image: mysql"), "Privileged Containers"),
        ((b"hostNetwork: true", b"hostNetwork: true\n  hostPID: true"), ""),
    ],
)
def test_the_exempted_name_with_other_content_is_refused(change: tuple[bytes, bytes], control: str) -> None:
    other = ARTICLE.replace(*change)
    assert other != ARTICLE
    unsigned = judge(other, example(), Origin(file="m", digest=f"sha256:{'b' * 64}"))
    assert unsigned.refused
    by_dba = judge(other, example(), BY_DBA, enforce=True)
    assert control in controls(by_dba) or (not control and not by_dba.refused)


@pytest.mark.attack("borrowed-name")
def test_a_signer_of_other_pods_cannot_take_the_name() -> None:
    found = judge(ARTICLE, example(), Origin(file="m", digest=DIGEST, signed=True, principals="web@example.com"))
    assert {"Signers", "Host Namespaces", "Volume Types", "Critical Priority"} <= controls(found)


@pytest.mark.parametrize(
    ("text", "origin", "lifted"),
    [
        (FREE, UNSIGNED, False),
        (FREE, signed(), True),
        (FREE, signed("web@example.com"), False),
        (FREE, signed("*"), False),
        (FREE, signed("*@example.com"), False),
        (FREE, signed("other@example.org,dba@example.com"), True),
        (FREE, signed("!dba@example.com"), False),
        (BOUND, UNSIGNED, True),
        (BOUND, Origin(file="m", digest=f"sha256:{'b' * 64}"), False),
        (BOUND, Origin(file="m"), False),
    ],
)
def test_an_exemption_counts_for_its_content_alone(text: str, origin: Origin, lifted: bool) -> None:
    found = judge(manifest(**HOST), policy(text), origin)
    assert ("Host Namespaces" in controls(found)) is not lifted


@pytest.mark.parametrize(("name", "lifted"), [("mysql", True), ("mysql2", False), ("web", False)])
def test_an_exemption_counts_for_its_pod_alone(name: str, lifted: bool) -> None:
    assert judge(manifest(name=name, **HOST), policy(BOUND)).refused is not lifted


def test_an_exemption_ends_with_its_day() -> None:
    end = 1_814_400_000.0
    assert not judge(manifest(**HOST), policy(BOUND), now=end - 1).refused
    late = judge(manifest(**HOST), policy(BOUND), now=end)
    assert "exemption net does not fit: it ended on 2027-06-30" in late.messages[0].message


def test_an_exemption_with_a_value_fits_that_value_alone() -> None:
    text = BOUND.replace("Host Namespaces]", 'HostPath Volumes], values: ["/opt/mysql/data"]')
    assert not judge(manifest(**DATA), policy(text)).refused
    assert not judge(manifest(volumes=[{"name": "d", "hostPath": {"path": "/opt//mysql/data/"}}]), policy(text)).refused
    other = judge(manifest(volumes=[{"name": "d", "hostPath": {"path": "/opt/mysql"}}]), policy(text))
    assert "it is for the value /opt/mysql/data, not /opt/mysql" in other.messages[0].message


def test_another_level_counts_for_its_signer_alone() -> None:
    text = "podSecurity:\n  level: restricted\n  overrides:\n  - {pods: [default/*], level: privileged}\n" + FREE[31:]
    given = policy(text)
    assert not judge(manifest(**HOST), given, signed()).refused
    planted = judge(manifest(**HOST), given)
    assert "podSecurity.overrides[0] (privileged:v1.37) does not count: nobody signed" in planted.messages[0].message


def test_a_violation_has_its_place_in_the_file() -> None:
    (first, *_) = judge(ARTICLE, policy("podSecurity: {level: baseline}\n")).messages
    assert (first.line, first.column, first.field) == (38, 7, "spec.volumes[0].hostPath")


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        ("mysql:8", False),
        ("docker.io/library/mysql@sha256:" + "a" * 64, False),
        ("index.docker.io/library/mysql", False),
        ("mysql-evil:8", True),
        ("docker.io/library/mysql/evil:8", False),
        ("docker.io.evil.example/library/mysql", True),
        ("team.example:5000/a/b:1", False),
        ("team.example/a/b:1", True),
        ("team.example:5000/secret/b:1", True),
    ],
)
def test_images_are_of_listed_registries(image: str, refused: bool) -> None:
    by = policy("images: {registries: [mysql, 'team.example:5000'], deny: ['team.example:5000/secret']}\n")
    assert judge(manifest(container={"image": image}), by).refused is refused


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        ("evil.example/x", True),
        ("EVIL.example/x", True),
        ("evil.example:443/x", True),
        ("Evil.Example:0443/x", True),
        ("evil.example:5000/x", False),
        ("TEAM.example/secret/x", True),
        ("team.example/x", False),
    ],
)
def test_no_other_spelling_of_a_registry_leads_past_what_is_denied(image: str, refused: bool) -> None:
    by = policy("images: {deny: [evil.example, 'team.example:443/secret']}\n")
    assert judge(manifest(container={"image": image}), by).refused is refused


def test_init_containers_and_image_volumes_are_images_too() -> None:
    by = policy("images: {registries: [mysql]}\n")
    assert judge(manifest(initContainers=[{"name": "i", "image": "evil.example/i"}]), by).refused
    assert judge(manifest(volumes=[{"name": "v", "image": {"reference": "evil.example/v"}}]), by).refused


def test_a_digest_is_named_or_pinned_by_the_signer() -> None:
    by = policy("images: {requireDigest: true}\n")
    assert controls(judge(manifest(), by)) == {"Image Digests"}
    assert not judge(manifest(), by, signed(pins=frozenset({"docker.io/library/mysql:8"}))).refused
    assert not judge(manifest(container={"image": f"mysql@sha256:{'a' * 64}"}), by).refused


@pytest.mark.attack("pushed-out")
@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({"priorityClassName": "system-node-critical"}, True),
        ({"priority": 2_000_000_000}, True),
        ({"priority": 1_999_999_999}, False),
        ({}, False),
    ],
)
def test_nobody_preempts_unless_the_policy_lets_him(spec: dict[str, Any], refused: bool) -> None:
    by = policy("podSecurity: {level: baseline}\n")
    assert controls(judge(manifest(**spec), by)) == ({"Critical Priority"} if refused else set())


def test_the_higher_class_is_more_than_the_lower_one() -> None:
    text = f'priorities: [{{classes: [%s], pods: [default/mysql], digests: ["{DIGEST}"]}}]\n'
    node = manifest(priorityClassName="system-node-critical")
    cluster = manifest(priorityClassName="system-cluster-critical")
    assert judge(node, policy(text % "system-cluster-critical")).refused
    assert not judge(cluster, policy(text % "system-node-critical")).refused
    assert judge(
        manifest(name="other", priorityClassName="system-node-critical"), policy(text % "system-node-critical")
    ).refused


MOUNT = {"container": {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}
READ_ONLY = {"container": {"volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}]}}


def mounted(path: str, how: dict[str, Any], kind: str = "") -> dict[str, Any]:
    return {"volumes": [{"name": "v", "hostPath": {"path": path, "type": kind}}], **how}


@pytest.mark.attack("planted-pod")
@pytest.mark.parametrize(
    ("spec", "control"),
    [
        ({"container": {"securityContext": {"privileged": True}}}, "Root: privileged"),
        ({"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}}, "Root: capabilities"),
        ({"container": {"securityContext": {"capabilities": {"add": ["CAP_DAC_READ_SEARCH"]}}}}, "Root: capabilities"),
        ({"container": {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}}, ""),
        ({"container": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, "hostUsers": False}, ""),
        (
            {"container": {"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}, "hostPID": True},
            "Root: tracing",
        ),
        ({"container": {"securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}}, ""),
        (mounted("/", MOUNT), "Root: writable directories"),
        (mounted("/etc/cron.d", MOUNT), "Root: writable directories"),
        (mounted("/var", MOUNT), "Root: writable directories"),
        (mounted("/run/systemd/system", MOUNT), "Root: writable directories"),
        (mounted("/run/containerd/io.containerd.runtime.v2.task", MOUNT), "Root: writable directories"),
        (mounted("/var/run/udev/rules.d", MOUNT), "Root: writable directories"),
        (mounted("/var/lib/dpkg/info", MOUNT), "Root: writable directories"),
        (mounted("/var/lib/rancher/rke2/agent/pod-manifests", MOUNT), "Root: writable directories"),
        (mounted("/run/systemd/resolve", READ_ONLY), ""),
        (mounted("/etc/ssl", READ_ONLY), ""),
        (mounted("/opt/mysql", MOUNT), ""),
        (mounted("/dev/sda", MOUNT, "BlockDevice"), "Root: devices"),
        (mounted("/dev", READ_ONLY), "Root: devices"),
        (mounted("/dev/shm", MOUNT), ""),
        (mounted("/proc", READ_ONLY), "Root: kernel"),
        (mounted("/var/run/docker.sock", READ_ONLY), "Root: sockets"),
        (mounted("/run/k3s", READ_ONLY), "Root: sockets"),
        (mounted("/run/containerd/containerd.sock.ttrpc", READ_ONLY), "Root: sockets"),
        (mounted("/run", READ_ONLY), "Root: sockets"),
        (mounted("/run/mysqld", MOUNT), ""),
    ],
)
def test_what_equals_root_is_refused_where_signatures_are_enforced(spec: dict[str, Any], control: str) -> None:
    by = policy("podSecurity: {level: privileged}\nsigners: [{principals: ['*'], pods: ['*/*']}]\n")
    found = {one for one in controls(judge(manifest(**spec), by, signed(), enforce=True)) if one.startswith("Root: ")}
    assert (control in found) if control else found == set()
    assert not judge(manifest(**spec), by, signed()).refused


def test_an_exemption_lifts_what_equals_root_by_its_own_name() -> None:
    text = """exemptions:
- {name: x, pods: [default/mysql], controls: [%s], values: [SYS_ADMIN], reason: r, until: 2027-06-30}
signers: [{principals: [dba@example.com], pods: [default/mysql]}]
"""
    asks = manifest(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})
    assert not judge(asks, policy(text % "'Root: capabilities'"), signed(), enforce=True).refused
    assert judge(asks, policy(text % "Capabilities"), signed(), enforce=True).refused


def steps(*inodes: int, mount: int = 1) -> tuple[PathStep, ...]:
    return tuple(PathStep(8, inode, mount) for inode in inodes)


PATHS = {
    "/opt/mysql": PathFacts(real="/opt/mysql", steps=steps(1, 2, 3)),
    "/opt/mysql/data": PathFacts(real="/opt/mysql/data", steps=steps(1, 2, 3, 4)),
    "/opt/mysql/out": PathFacts(real="/etc", steps=steps(1, 9)),
    "/srv/db": PathFacts(real="/opt/mysql/data", steps=steps(1, 2, 3, 4)),
    "/opt/mysql/mnt": PathFacts(real="/opt/mysql/mnt", steps=(*steps(1, 2, 3), PathStep(8, 9, 7))),
    "/opt/mysql/new": PathFacts(real="/opt/mysql/new", steps=steps(1, 2, 3), missing=("new",)),
}


@pytest.mark.attack("swapped-host-path")
@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/opt/mysql/data", False),
        ("/opt/mysql/new", False),
        ("/srv/db", False),  # a link that leads into the directory is in it
        ("/opt/mysql/out", True),  # one that leads out of it is not
        ("/opt/mysql/mnt", True),  # nor is what is mounted there
        ("/opt/mysql-other", True),  # not known: by its name
    ],
)
def test_prefixes_are_compared_by_what_paths_lead_to(path: str, refused: bool) -> None:
    by = policy("hostPaths: [{prefix: /opt/mysql}]\n")
    spec: dict[str, Any] = {"volumes": [{"name": "v", "hostPath": {"path": path}}]}
    assert judge(manifest(**spec), by, paths=PATHS).refused is refused


@pytest.mark.attack("swapped-host-path")
@pytest.mark.parametrize(
    ("path", "read_only", "writable", "said"),
    [
        ("/srv/db", False, True, ""),
        ("/opt/mysql/out", False, True, "leads to /etc now"),
        ("/opt/mysql/mnt", False, True, "leads to /opt/mysql/mnt now"),
        ("/srv/db", True, False, ""),
        ("/srv/db", True, True, "leads to /opt/mysql/data now"),
        ("/opt/mysql/unseen", False, True, "leads to /opt/mysql/unseen now"),
    ],
)
def test_a_path_that_leads_elsewhere_needs_a_listed_directory(
    path: str, read_only: bool, writable: bool, said: str
) -> None:
    """A level or an exemption admitted the place before; what cannot be looked at lies nowhere."""
    rules = (HostPathRule(prefix="/opt/mysql", read_only=read_only),)
    fault = moved_fault(rules, path, PATHS, writable=writable)
    assert fault.startswith(said)
    assert bool(fault) == bool(said)
    assert moved_fault((), path, PATHS, writable=writable)


def test_a_prefix_may_be_for_reading_alone() -> None:
    by = policy("hostPaths: [{prefix: /opt, readOnly: true}]\n")
    assert not judge(manifest(**mounted("/opt/a", READ_ONLY)), by).refused
    (found,) = judge(manifest(**mounted("/opt/a", MOUNT)), by).messages
    assert found.field == "spec.containers[0].volumeMounts[0]"


def test_a_link_to_etc_equals_root_under_any_name() -> None:
    by = policy("podSecurity: {level: privileged}\nsigners: [{principals: ['*'], pods: ['*/*']}]\n")
    found = judge(manifest(**mounted("/opt/mysql/out", MOUNT)), by, signed(), enforce=True, paths=PATHS)
    assert controls(found) == {"Root: writable directories"}


def test_now_is_before_the_end_of_the_example() -> None:
    assert all(exemption.until > NOW for exemption in example().exemptions)
