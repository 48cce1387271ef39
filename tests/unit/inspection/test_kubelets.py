"""Who is believed to be a kubelet, and the files and settings of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podstead.inspection import cis, rules
from podstead.inspection.arguments import Launch, Reader
from podstead.inspection.kubelets import Kubelet, distrust, judge_kubelet, judge_process
from podstead.inspection.places import State, Summary
from podstead.inspection.runtime import judge_runtime
from podstead.inspection.seen import Kind, SeenFile, SeenProcess, SeenSandbox
from podstead.inspection.settings import settings_of

IMAGE = SeenFile(path="/usr/bin/kubelet", kind=Kind.FILE, mode=0o755)
BIN = SeenFile(path="/usr/bin", kind=Kind.DIRECTORY, mode=0o755)
TRUE = SeenProcess(
    pid=7,
    name="kubelet",
    executable="/usr/bin/kubelet",
    arguments=("/usr/bin/kubelet", "--v=2"),
    uid=0,
    user="root",
    image=IMAGE,
    way=(BIN,),
)


def test_a_kubelet_of_roots_is_believed() -> None:
    assert distrust(TRUE) == ""
    assert list(judge_process(TRUE)) == []


@pytest.mark.attack("false-kubelet")
@pytest.mark.parametrize(
    "process",
    [
        replace(TRUE, executable="/usr/bin/python3.11"),
        replace(TRUE, executable=""),
        replace(TRUE, uid=1000, user="eve"),
        replace(TRUE, image=replace(IMAGE, uid=1000)),
        replace(TRUE, image=replace(IMAGE, mode=0o775)),
        replace(TRUE, image=None),
        replace(TRUE, way=(replace(BIN, mode=0o777),)),
    ],
    ids=["name only", "no executable", "another user", "another's file", "writable file", "no file", "writable way"],
)
def test_what_only_says_that_it_is_a_kubelet(process: SeenProcess) -> None:
    assert distrust(process) != ""
    assert [(one.rule, one.where) for one in judge_process(process)] == [(rules.FALSE_KUBELET, "pid 7")]


def test_a_kubelet_elsewhere_and_one_that_was_replaced() -> None:
    elsewhere = list(judge_process(replace(TRUE, elsewhere=True, uid=1000)))
    assert [(one.rule, one.mend) for one in elsewhere] == [
        (rules.KUBELET_ELSEWHERE, "podstead inspect --root /proc/7/root")
    ]
    assert [one.rule for one in judge_process(replace(TRUE, deleted=True))] == [rules.KUBELET_REPLACED]


def kubelet(*arguments: str, files: tuple[SeenFile, ...] = ()) -> Kubelet:
    launch = Launch(origin="kubelet.service", program="/usr/bin/kubelet", arguments=arguments)
    return Kubelet(launch=launch, reader=Reader.KUBELET, settings=settings_of(launch, ()), files=files)


def test_urls_and_files_that_others_write() -> None:
    plain = kubelet("--manifest-url=http://h/p?token=secret-word")
    (found,) = judge_kubelet(plain)
    assert (found.rule, "secret-word" in found.what) == (rules.MANIFEST_URL_PLAIN, False)
    assert [one.rule for one in judge_kubelet(kubelet("--manifest-url=https://h/p"))] == [rules.MANIFEST_URL]
    loose = SeenFile(path="/etc/default/kubelet", kind=Kind.FILE, mode=0o666)
    assert [(one.rule, one.where) for one in judge_kubelet(kubelet(files=(loose,)))] == [
        (rules.UNIT_WRITABLE, "/etc/default/kubelet")
    ]


def test_the_benchmarks_settings() -> None:
    findings, outcomes = cis.judge_settings("kubelet.service", kubelet().settings)
    assert [one.rule.id for one in findings] == ["cis-4.2.1", "cis-4.2.2", "cis-4.2.4"]
    closed = kubelet("--anonymous-auth=false", "--authorization-mode=Webhook", "--read-only-port=0")
    findings, outcomes = cis.judge_settings("kubelet.service", closed.settings)
    assert (findings, [one.passed for one in outcomes]) == ((), [True] * 3)


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        (cis.Subject.API_SERVER, ["1.1.1", "1.1.2"]),
        (cis.Subject.CONTROLLER_MANAGER, ["1.1.3", "1.1.4"]),
        (cis.Subject.SCHEDULER, ["1.1.5", "1.1.6"]),
        (cis.Subject.ETCD, ["1.1.7", "1.1.8"]),
        (cis.Subject.UNIT, ["4.1.1", "4.1.2"]),
        (cis.Subject.KUBECONFIG, ["4.1.5", "4.1.6"]),
        (cis.Subject.CLIENT_CA, ["4.1.7", "4.1.8"]),
        (cis.Subject.CONFIGURATION, ["4.1.9", "4.1.10"]),
    ],
)
def test_the_benchmarks_files(subject: cis.Subject, numbers: list[str]) -> None:
    bad = SeenFile(path="/f", kind=Kind.FILE, mode=0o646, uid=0, gid=5, owner="root:5")
    findings, outcomes = cis.judge_files([(subject, bad)])
    assert [one.rule.reference for one in findings] == [f"CIS Kubernetes Benchmark {number}" for number in numbers]
    assert [one.mend.split()[0] for one in findings] == ["chmod", "chown"]
    assert sorted(one.number for one in outcomes if not one.passed) == sorted(numbers)
    assert all(one.passed for one in outcomes if one.number not in numbers)
    good = SeenFile(path="/f", kind=Kind.FILE, mode=0o400)
    assert cis.judge_files([(subject, good)])[0] == ()


def sandbox(name: str, source: str, *, namespace: str = "default", ready: bool = True) -> SeenSandbox:
    return SeenSandbox(
        id="0123456789abcdef", namespace=namespace, name=name, source=source, ready=ready, endpoint="unix:///s"
    )


def test_pods_of_the_runtime_against_files() -> None:
    files = (
        Summary(path="/m/a.yaml", state=State.RUNS, pod="default/a-node1"),
        Summary(path="/m/b.yaml", state=State.RUNS, pod="default/b-node1"),
    )
    sandboxes = (
        sandbox("a-node1", "file"),
        sandbox("api", "api"),
        sandbox("ghost-node1", "file"),
        sandbox("old-node1", "file", ready=False),
        sandbox("made-by-hand", ""),
        sandbox("far-node1", "http"),
        sandbox("x", "api", namespace="Not_One"),
    )
    found = {(one.rule.id, one.where) for one in judge_runtime(sandboxes, files, by_url=True)}
    assert found == {
        ("pod-without-manifest", "pod default/ghost-node1"),
        ("pod-of-nobody", "pod default/made-by-hand"),
        ("namespace-invalid", "pod Not_One/x"),
        ("not-running", "/m/b.yaml"),
    }
    without = {
        one.where for one in judge_runtime(sandboxes, files, by_url=False) if one.rule.id == "pod-without-manifest"
    }
    assert without == {"pod default/ghost-node1", "pod default/far-node1"}
