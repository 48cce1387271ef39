from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.containerd import locate
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path


def make_programs(directory: Path, *names: str) -> str:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return str(directory)


def test_the_system_directories_are_looked_at_behind_the_path() -> None:
    assert locate.search_path("/a::/usr/bin").split(":") == [
        "/a",
        "/usr/bin",
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/sbin",
        "/bin",
    ]


def test_a_program_of_the_path_comes_first(tmp_path: Path) -> None:
    path = make_programs(tmp_path / "bin", "mount")
    assert locate.find_program("mount", path=path) == tmp_path / "bin" / "mount"


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locate, "SEARCH_PATH", ())
    path = make_programs(tmp_path, "containerd")
    with pytest.raises(OperatorError, match=r"'containerd-shim-runc-v2' is missing.*Debian package 'containerd'"):
        locate.find_programs(path=path)


def test_no_oci_runtime_at_all_and_a_chosen_one_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(locate, "SEARCH_PATH", ())
    path = make_programs(tmp_path, "containerd", "containerd-shim-runc-v2", "runc")
    with pytest.raises(OperatorError, match="Debian package 'crun'"):
        locate.find_programs("crun", path=path)
    (tmp_path / "runc").unlink()
    with pytest.raises(OperatorError, match=r"no OCI runtime.*'crun' \(or 'runc'\)"):
        locate.find_programs(path=path)
    with pytest.raises(OperatorError, match="write crun or runc"):
        locate.find_programs("kata", path=path)


def test_cni_plugins_must_all_be_in_one_directory(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    make_programs(one, "bridge", "host-local")
    make_programs(two, "loopback", "portmap")
    with pytest.raises(OperatorError, match=r"one lacks loopback, portmap; .*two lacks bridge, host-local"):
        locate.find_cni_plugins((str(one), str(two)))
    make_programs(two, "bridge", "host-local")
    assert locate.find_cni_plugins((str(one), str(two))) == two
