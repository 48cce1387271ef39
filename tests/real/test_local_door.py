"""The door of the local socket against a process that really is in a pod's cgroup."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from podstead.server.access import judge
from podstead.server.local_socket import listen_local

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from podstead.server.messages import Caller

pytestmark = pytest.mark.real
SCRIPT = "import socket, sys; s = socket.socket(socket.AF_UNIX); sys.stdin.read(1); s.connect(sys.argv[1]); s.recv(1)"


def hierarchy() -> Path:
    """Return a mounted cgroup hierarchy: v2's, or one of v1's that holds any process."""
    root = Path("/sys/fs/cgroup")
    return next(path for path in (root, root / "pids", root / "unified") if (path / "cgroup.procs").exists())


@contextlib.contextmanager
def cgroup(path: str) -> Iterator[Path]:
    made = hierarchy() / path.strip("/")
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        made.rmdir()
        with contextlib.suppress(OSError):
            made.parent.rmdir()


def judged_in(group: Path, pod_root: str) -> Caller:
    """Return how the door judges a root process in this cgroup."""
    directory = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    made = listen_local(directory / "podstead.sock")
    made.listener.settimeout(10)
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", SCRIPT, str(made.path)], stdin=subprocess.PIPE)
    try:
        (group / "cgroup.procs").write_text(str(process.pid), encoding="ascii")
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.close()
        accepted: socket.socket = made.listener.accept()[0]
        with accepted:
            return judge(accepted, pod_root)
    finally:
        process.wait(10)
        made.close()
        shutil.rmtree(directory)


def test_a_root_process_inside_a_pod_is_refused() -> None:
    root = f"/podstead-test-{uuid4().hex[:8]}"
    with cgroup(f"{root}/pod1") as group:
        inside = judged_in(group, root)
        assert (inside.user, "inside a pod" in inside.refusal) == ("root", True)
        outside = judged_in(group, "/podstead-another")
        assert outside.refusal == ""
