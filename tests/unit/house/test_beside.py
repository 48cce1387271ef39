"""How the tests are shared out between processes."""

from __future__ import annotations

import pytest

from tests.support.beside import CONTRACT, LONG, REAL, share_of, turn_of
from tests.unit.house.tree import ROOT


@pytest.mark.parametrize(
    ("test", "share"),
    [
        ("tests/real/test_network.py::test_x", "tests/real/test_network.py"),
        ("tests/vm/test_boot.py::test_x[trixie]", "trixie"),
        ("tests/vm/test_service.py::test_x[bookworm-kill -9 {pid}]", "bookworm"),
        ("tests/vm/test_package.py::test_x[bookworm]", "bookworm test_package.py"),
        ("tests/package/test_life.py::test_x[trixie]", "package"),
        ("tests/contract/test_images.py::test_x[containerd]", CONTRACT),
        ("tests/contract/test_images.py::test_x[containerd-argument]", CONTRACT),
        ("tests/contract/test_images.py::test_x[simulator]", "tests/contract/test_images.py"),
        ("tests/unit/containerd/test_process.py::test_x[containerd]", "tests/unit/containerd/test_process.py"),
    ],
)
def test_a_heavy_ring_stays_together_and_so_does_a_file(test: str, share: str) -> None:
    assert share_of(test) == share


def test_machines_begin_and_the_real_ring_ends() -> None:
    order = [
        "trixie",
        "trixie test_docker.py",
        "bookworm test_package.py",
        "bookworm",
        "package",
        "tests/unit/cri/test_removal.py",
        *(REAL + name for name in LONG),
        CONTRACT,
    ]
    shuffled = [*order[4:], *order[:4]]
    assert sorted(shuffled, key=turn_of) == order
    assert turn_of("tests/real/test_network.py") == turn_of(CONTRACT)


def test_the_long_files_are_there() -> None:
    assert [name for name in LONG if not (ROOT / REAL / name).is_file()] == []
