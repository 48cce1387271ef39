"""How pytest-xdist shares the tests out (`make test`): a heavy ring is one process's, the others take file after file.

What boots machines and builds packages begins; the real ring comes last, when nothing else is left that could slow it.
By the paths and names of tests, not by marks: pytest-xdist 3.8 knows its own groups no more under pytest 9.2, and a
scheduler sees nothing but names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

from tests.support.vm.recipe import NAMES

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

REAL = "real"
HEAVY = ("package", *NAMES)
"""The package, a release's shared machine: what takes long to make. The last begins first."""
OF_THEIR_OWN = ("test_docker.py", "test_package.py", "test_readme.py")
"""Files of tests/vm whose tests have a machine each: whoever is free takes one."""


def share_of(test: str) -> str:
    """Return what a test, named by its node id, must stay together with: its ring, its release or its file."""
    file, _, name = test.partition("::")
    if test.startswith("tests/real/") or (test.startswith("tests/contract/") and "[containerd" in name):
        return REAL
    if test.startswith("tests/package/"):
        return "package"
    if test.startswith("tests/vm/"):
        release = next((release for release in NAMES if f"[{release}" in name), "vm")
        own = next((own for own in OF_THEIR_OWN if file.endswith(f"/{own}")), "")
        return f"{release} {own}" if own else release
    return file


class RingScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives what is heavy to a process each, whole and in order, and files to whoever is free; the real ring last."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        for share in HEAVY:
            if share in self.workqueue:
                self.workqueue.move_to_end(share, last=False)
        if REAL in self.workqueue:
            self.workqueue.move_to_end(REAL)
        super()._assign_work_unit(node)
