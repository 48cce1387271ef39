from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from podstead.config.paths import Paths, paths_for
from podstead.errors import OperatorError
from podstead.store.instance import lock_root, make_directories, open_instance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    layout = paths_for(tmp_path / "root")
    make_directories(layout)
    return layout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directories_have_their_modes(paths: Paths) -> None:
    assert (mode(paths.root), mode(paths.state), mode(paths.pods)) == (0o711, 0o700, 0o750)
    assert paths.pod_logs.is_dir()
    paths.state.chmod(0o755)
    paths.root.chmod(0o700)
    make_directories(paths)
    assert (mode(paths.root), mode(paths.state)) == (0o700, 0o700)


def test_a_root_that_others_may_write_to_is_refused(paths: Paths) -> None:
    paths.root.chmod(0o777)
    with pytest.raises(OperatorError, match=r"others may write to it \(mode 0777\); run: chmod go-w "):
        make_directories(paths)


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(OperatorError, match="cannot make"):
        make_directories(paths_for(tmp_path / "root"))


def test_the_id_is_minted_once(paths: Paths) -> None:
    first = open_instance(paths, wall=5.0)
    assert len(first.id) == 32
    assert first.short == first.id[:8]
    assert open_instance(paths, wall=9.0) == first


def test_a_corrupt_id_is_never_replaced(paths: Paths) -> None:
    (paths.root / "instance.json").write_bytes(b"{")
    with pytest.raises(OperatorError, match=r"cannot understand .*instance\.json"):
        open_instance(paths, wall=5.0)
    assert (paths.root / "instance.json").read_bytes() == b"{"


def test_a_second_agent_is_told_who_is_there(paths: Paths) -> None:
    with (
        lock_root(paths),
        pytest.raises(OperatorError, match=rf"another agent runs with this root dir .*\(pid {os.getpid()}\)"),
    ):
        lock_root(paths)
    lock_root(paths).close()


def test_the_lock_ends_with_its_process(paths: Paths) -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        lock_root(paths)
        os.write(told, b"x")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(ready, 1) == b"x"
        with pytest.raises(OperatorError, match=f"pid {child}"):
            lock_root(paths)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)
    lock_root(paths).close()
