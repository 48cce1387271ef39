"""How the tests are shared out between processes."""

from __future__ import annotations

import pytest

from tests.support.beside import share_of


@pytest.mark.parametrize(
    ("test", "share"),
    [
        ("tests/real/test_network.py::test_x", "real"),
        ("tests/vm/test_boot.py::test_x[trixie]", "trixie"),
        ("tests/vm/test_service.py::test_x[bookworm-kill -9 {pid}]", "bookworm"),
        ("tests/vm/test_package.py::test_x[bookworm]", "bookworm test_package.py"),
        ("tests/package/test_life.py::test_x[trixie]", "package"),
        ("tests/contract/test_images.py::test_x[containerd]", "real"),
        ("tests/contract/test_images.py::test_x[containerd-argument]", "real"),
        ("tests/contract/test_images.py::test_x[simulator]", "tests/contract/test_images.py"),
        ("tests/unit/containerd/test_process.py::test_x[containerd]", "tests/unit/containerd/test_process.py"),
    ],
)
def test_a_heavy_ring_stays_together_and_so_does_a_file(test: str, share: str) -> None:
    assert share_of(test) == share
