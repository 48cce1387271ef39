"""How pytest-xdist shares the tests out (`make test`): a heavy ring is one process's, the others take file after file.

By the paths and names of tests, not by marks: pytest-xdist 3.8 knows its own groups no more under pytest 9.2, and a
scheduler sees nothing but names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

HEAVY = ("vm", "real")
"""Rings whose tests share machines or nodes, and take longest: they begin first."""


def share_of(test: str) -> str:
    """Return what a test, named by its node id, must stay together with: its ring or its file."""
    for ring in HEAVY:
        if test.startswith(f"tests/{ring}/"):
            return ring
    if test.startswith("tests/contract/") and "[containerd" in test:
        return "real"
    return test.partition("::")[0]


class RingScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives the heavy rings to a process each, whole and in order, and files to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        for ring in HEAVY:
            if ring in self.workqueue:
                self.workqueue.move_to_end(ring, last=False)
        super()._assign_work_unit(node)
