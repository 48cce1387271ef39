"""The door of the local socket, and the socket itself."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from podstead.errors import OperatorError
from podstead.server.access import in_pod_cgroup, judge
from podstead.server.local_socket import listen_local
from podstead.server.messages import Caller
from tests.support.api import serving

if TYPE_CHECKING:
    from pathlib import Path

V1 = "12:pids:/podstead-1a2b/pod1/c\n1:name=systemd:/user.slice\n"


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("0::/podstead-1a2b/pod1/c\n", True),
        ("0::/podstead-1a2b\n", True),
        ("0::/docker/abc/podstead-1a2b/pod1\n", True),
        (V1, True),
        ("0::/\n", False),
        ("0::/podstead-1a2b3/pod1\n", False),
        ("0::/system.slice/podstead.service\n", False),
        ("4:cpu:/a\n3:mem:/b:podstead-1a2b\n", False),
        ("", False),
    ],
)
def test_cgroup_of_a_pod(text: str, inside: bool) -> None:
    assert in_pod_cgroup(text, "/podstead-1a2b") is inside


def judged(directory: Path, uid: int) -> Caller:
    """Return how the door judges this process when it connects as this user."""
    made = listen_local(directory / "podstead.sock")
    with closing(made), socket.socket(socket.AF_UNIX) as client:
        directory.chmod(0o711)
        made.path.chmod(0o666)  # the door must hold even where the mode does not
        made.listener.settimeout(5)
        os.seteuid(uid)
        try:
            client.connect(str(made.path))
        finally:
            os.seteuid(0)
        accepted, _ = made.listener.accept()
        with accepted:
            return judge(accepted, "/no-such-root")


@pytest.mark.root
def test_root_may(directory: Path) -> None:
    caller = judged(directory, 0)
    assert (caller.user, caller.pid, caller.uid, caller.refusal) == ("root", os.getpid(), 0, "")


@pytest.mark.root
def test_another_user_may_not(directory: Path) -> None:
    caller = judged(directory, 65534)
    assert caller.user == "uid:65534"
    assert "be root" in caller.refusal


def test_a_peer_that_is_gone_is_refused(directory: Path) -> None:
    """What cannot be found out is refused: here a process that ended after it had connected."""
    made = listen_local(directory / "podstead.sock")
    with closing(made):
        made.listener.settimeout(5)
        script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        subprocess.run([sys.executable, "-I", "-S", "-c", script, str(made.path)], check=True)
        accepted, _ = made.listener.accept()
        with accepted:
            assert "cannot tell" in judge(accepted, "/no-such-root").refusal


async def test_a_refused_caller_gets_a_status(directory: Path) -> None:
    async with serving(directory) as node:
        node.caller = Caller(user="root", pid=7, refusal="process 7 is inside a pod of this node")
        answer = await node.get("/api/v1/pods")
        assert (answer.status, answer.json()["reason"]) == (403, "Forbidden")
        assert answer.json()["message"] == "process 7 is inside a pod of this node"
        assert b"PodList" not in answer.body


def test_the_socket_is_roots_alone_and_a_stale_one_is_replaced(directory: Path) -> None:
    path = directory / "run" / "podstead.sock"
    first = listen_local(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first.listener.close()  # as a killed agent leaves it
    second = listen_local(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["podstead.sock"]
    with pytest.raises(OperatorError, match="another agent answers"):
        listen_local(path)
    first.close()  # not its socket any more
    assert path.is_socket()
    second.close()
    assert not path.exists()


def test_what_is_in_the_way_is_not_removed(directory: Path) -> None:
    path = directory / "podstead.sock"
    path.write_text("mine")
    with pytest.raises(OperatorError, match="not a socket"):
        listen_local(path)
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to(directory / "elsewhere")
    with pytest.raises(OperatorError, match="not a socket"):
        listen_local(path)


def test_a_directory_that_others_may_write_is_refused(directory: Path) -> None:
    directory.chmod(0o777)
    with pytest.raises(OperatorError, match="chmod 0700"):
        listen_local(directory / "podstead.sock")


def test_a_path_that_is_too_long_is_refused(directory: Path) -> None:
    with pytest.raises(OperatorError, match="longer than 107 bytes"):
        listen_local(directory / ("x" * 100) / "podstead.sock")
