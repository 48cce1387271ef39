"""Links for log shippers, and the removal of logs that are forgotten."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from podstead.identity import PodKey, PodUID
from podstead.logs import cleanup, paths
from podstead.logs.links import LogLinks

KEY = PodKey("db", "mysql-node1")


@pytest.fixture
def pod_logs(tmp_path: Path) -> Path:
    return tmp_path / "pods"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "containers"


def shown(directory: Path) -> dict[str, str]:
    return {p.name: str(p.readlink()) for p in directory.iterdir()} if directory.exists() else {}


def test_names() -> None:
    assert paths.link_name(KEY, "mysql", "0" * 64) == f"mysql-node1_db_mysql-{'0' * 64}.log"
    assert len(paths.link_name(PodKey("n" * 63, "p" * 253), "c", "0" * 64)) == 255
    log = "/var/log/pods/db_mysql-node1_u-1/mysql/0.log"
    assert paths.pod_of(log, "/var/log/pods") == "u-1"
    assert paths.pod_of("/etc/db_mysql-node1_u-1/0.log", "/var/log/pods") == ""
    assert paths.pod_of("/var/log/pods/db_mysql-node1_u-1", "/var/log/pods") == ""
    assert paths.pod_of("/var/log/pods/other/0.log", "/var/log/pods") == ""


def test_what_a_name_says() -> None:
    names = ["1.log", "0.log", "0.log.20261123-023918.gz", "0.log.20261123-023918", "0.log.20261123-023919", "x"]
    assert [f.name for f in paths.attempt_files(names, 0)] == [
        "0.log.20261123-023918",
        "0.log.20261123-023919",
        "0.log",
    ]
    assert paths.attempts(["4.log.20261123-023918"]) == (4,)


def test_links_are_made_and_go_with_their_containers(directory: Path, pod_logs: Path) -> None:
    links = LogLinks(directory, pod_logs)
    one, two = str(pod_logs / "d_p_u1/c/0.log"), str(pod_logs / "d_p_u1/c/1.log")
    links.settle("u1", {"p_d_c-1.log": one})
    assert shown(directory) == {"p_d_c-1.log": one}
    assert directory.stat().st_mode & 0o777 == 0o755
    links.settle("u1", {"p_d_c-1.log": one, "p_d_c-2.log": two})
    links.settle("u1", {"p_d_c-2.log": two})
    assert shown(directory) == {"p_d_c-2.log": two}
    links.settle("u1", {})
    assert shown(directory) == {}
    assert links.uids() == frozenset()


def test_an_earlier_agents_links_are_found_again(directory: Path, pod_logs: Path) -> None:
    LogLinks(directory, pod_logs).settle("u1", {"a.log": str(pod_logs / "d_p_u1/c/0.log")})
    later = LogLinks(directory, pod_logs)
    later.find({PodUID("u1"), PodUID("u2")})
    assert later.uids() == {"u1"}
    later.settle("u1", {})
    assert shown(directory) == {}


def test_what_is_not_ours_stays(directory: Path, pod_logs: Path) -> None:
    directory.mkdir()
    theirs = {
        "kubelet.log": str(pod_logs / "d_p_theirs/c/0.log"),
        "elsewhere.log": "/var/lib/other/0.log",
        "dangling.log": "/nowhere",
    }
    for name, target in theirs.items():
        (directory / name).symlink_to(target)
    (directory / "file.log").write_text("a file")
    links = LogLinks(directory, pod_logs)
    links.find({"u1"})
    wanted = str(pod_logs / "d_p_u1/c/0.log")
    links.settle("u1", {"kubelet.log": wanted, "file.log": wanted, "ours.log": wanted})
    links.settle("u1", {})
    assert {p.name for p in directory.iterdir()} == {*theirs, "file.log"}
    assert (directory / "file.log").read_text() == "a file"


def test_a_link_that_somebody_changed_is_theirs_now(directory: Path, pod_logs: Path) -> None:
    links = LogLinks(directory, pod_logs)
    links.settle("u1", {"a.log": str(pod_logs / "d_p_u1/c/0.log")})
    (directory / "a.log").unlink()
    (directory / "a.log").symlink_to("/elsewhere")
    links.settle("u1", {})
    assert shown(directory) == {"a.log": "/elsewhere"}


def write(pod: Path, *names: str) -> None:
    for name in names:
        (pod / name).parent.mkdir(parents=True, exist_ok=True)
        (pod / name).write_bytes(b"")


def test_logs_of_forgotten_attempts_and_containers_go(tmp_path: Path) -> None:
    pod = tmp_path / "d_p_u1"
    write(
        pod,
        *("c/0.log", "c/0.log.20261123-023918.gz", "c/3.log", "c/4.log", "c/4.log.20261123-023918", "c/5.log"),
        *("c/1.log.20261123-023918.gz.tmp", "c/notes.txt", "old/0.log", "dead/7.log", "lost/8.log", "lost/9.log"),
    )
    gone = paths.forgotten(cleanup.list_pod(pod), {"c": (3,), "dead": (7,)}, {"c", "lost"})
    assert sorted(gone) == [
        "c/0.log",
        "c/0.log.20261123-023918.gz",
        "c/1.log.20261123-023918.gz.tmp",
        "old",
    ]
    cleanup.remove_logs(pod, gone)
    assert sorted(str(p.relative_to(pod)) for p in pod.rglob("*.*")) == [
        *("c/3.log", "c/4.log", "c/4.log.20261123-023918", "c/5.log", "c/notes.txt"),
        *("dead/7.log", "lost/8.log", "lost/9.log"),
    ]
    assert not (pod / "old").exists()
    assert cleanup.list_pod(tmp_path / "none") == {}


def test_the_logs_of_one_incarnation_go(tmp_path: Path) -> None:
    write(tmp_path, "d_p_u1/c/0.log", "d_p_u11/c/0.log", "e_q_u1/c/0.log")
    cleanup.remove_pod(tmp_path, "u1")
    assert [p.name for p in tmp_path.iterdir()] == ["d_p_u11"]


def test_what_cannot_be_removed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: Path, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    write(tmp_path, "c/0.log")
    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Path, "unlink", refuse)
        cleanup.remove_logs(tmp_path, ["c/0.log"])
    assert "Operation not permitted" in caplog.text
