"""How pytest-xdist shares the tests out (`make test`): file after file goes to the process that is free.

What boots machines and builds packages is one process's as a whole, and begins; the real ring comes last, its longest
files first, so that both processes end at about the same time. By the paths and names of tests, not by marks:
pytest-xdist 3.8 knows its own groups no more under pytest 9.2, and a scheduler sees nothing but names.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

from tests.support.vm.recipe import NAMES

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

OF_THEIR_OWN = ("test_docker.py", "test_readme.py", "test_package.py")
"""Files of tests/vm whose tests have a machine each: whoever is free takes one."""
NEWEST, *OLDER = reversed(NAMES)
FIRST = (NEWEST, *(f"{release} {file}" for release in reversed(NAMES) for file in OF_THEIR_OWN), *OLDER, "package")
"""What takes long, the longest first: a release's shared machine, machines of tests of their own, the package."""
REAL = "tests/real/"
CONTRACT = "the contract on containerd"
LONG = (
    "test_agent_crash_points.py",
    "test_demo_mysql.py",
    "test_nothing_lost.py",
    "test_agent_reach.py",
    "test_agent_faults.py",
    "test_agent_signatures.py",
    "test_agent_probes.py",
)
"""Files of the real ring that take a minute and more, the longest first."""


def share_of(test: str) -> str:
    """Return what a test, named by its node id, must stay together with: its file, its release, its node."""
    file, _, name = test.partition("::")
    if test.startswith("tests/contract/") and "[containerd" in name:
        return CONTRACT
    if test.startswith("tests/package/"):
        return "package"
    if test.startswith("tests/vm/"):
        release = next((release for release in NAMES if f"[{release}" in name), "vm")
        own = next((own for own in OF_THEIR_OWN if file.endswith(f"/{own}")), "")
        return f"{release} {own}" if own else release
    return file


def turn_of(share: str) -> tuple[int, int]:
    """Return what orders the shares: the heavy, then what needs nothing, then the long files of the real ring, its rest."""
    if share in FIRST:
        return 0, FIRST.index(share)
    if share == CONTRACT or share.startswith(REAL):
        name = share.removeprefix(REAL)
        return 2, LONG.index(name) if name in LONG else len(LONG)
    return 1, 0


class RingScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Gives each share to a process, whole and in its order."""

    workqueue: OrderedDict[str, Any]

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue = OrderedDict(sorted(self.workqueue.items(), key=lambda item: turn_of(item[0])))
        super()._assign_work_unit(node)
