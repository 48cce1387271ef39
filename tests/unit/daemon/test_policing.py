"""Where a path of the node leads is judged by what was opened, whatever has been put in its place since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.agent.policy_gate import SILENT, PolicyGate, Surroundings
from podstead.clock import SystemClock
from podstead.daemon.policing import Policing
from podstead.judging.judges import FileJudges
from podstead.judging.keeper import PolicyKeeper
from podstead.judging.process import JudgingProcess
from podstead.k8s import core_v1 as v1
from podstead.state.sources import SourceSnapshot
from podstead.threads import PathThreads
from podstead.volumes import hostpath, leads
from podstead.volumes.protection import Protection

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.agent.table import PodTable

HEAD = "apiVersion: podstead.io/v1\nkind: NodePolicy\n"


def no_pods() -> PodTable:
    raise AssertionError("a look without files asks for no pods")


async def policing(policy: Path, *, required: bool = True) -> Policing:
    """Return what judges by a policy's file, after its first look."""
    process, clock = JudgingProcess(), SystemClock()
    keeper = PolicyKeeper(policy, Path.read_bytes, process, required=required)
    judges = FileJudges(process, PathThreads())
    around = Surroundings(node="n", clock=clock, enforced=lambda: False, allowed=lambda _: None)
    gate = PolicyGate(keeper, judges, no_pods, around, SILENT)
    await gate.judge(SourceSnapshot(path="", files=(), certain=True), {})
    return Policing(gate=gate, keeper=keeper, judges=judges, clock=clock, enforced=around.enforced)


def opened(path: Path) -> Path:
    """Return the place of what a start opens at a path."""
    found, _ = hostpath.opened(v1.HostPathVolumeSource(path=str(path)), make=True, protection=Protection((), ()))
    try:
        return Path(f"/proc/self/fd/{found}").readlink()
    finally:
        os.close(found)


def flipped(to: Callable[[], None], then: leads.Moved) -> leads.Moved:
    """Return what judges, after somebody has changed the path at the last moment."""

    def moved(path: str, real: Path, writable: bool) -> str:
        to()
        return then(path, real, writable)

    return moved


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "listed"
    (made / "data").mkdir(parents=True)
    (made.parent / "etc").mkdir()
    (made.parent / "policy.yaml").write_text(f"{HEAD}hostPaths: [{{prefix: {made}}}]\n")
    return made


@pytest.mark.attack("swapped-host-path")
async def test_a_path_that_is_flipped_back_before_it_is_judged_gains_nothing(listed: Path) -> None:
    """A link to a foreign place when it is opened, a directory that the policy covers when the policy is asked."""
    by, data, kept = await policing(listed.parent / "policy.yaml"), listed / "data", listed.parent / "kept"
    leads.check(kept, str(data), opened(data), writable=True, moved=by.moved)
    before = kept.read_text()
    data.rmdir()
    data.symlink_to(listed.parent / "etc")
    real = opened(data)

    def back() -> None:
        data.unlink()
        data.mkdir()

    with pytest.raises(leads.MovedError, match=f"leads to {listed.parent}/etc now, and led elsewhere"):
        leads.check(kept, str(data), real, writable=True, moved=flipped(back, by.moved))
    assert kept.read_text() == before, "nor does it count as admitted from now on"


@pytest.mark.attack("swapped-host-path")
async def test_the_place_of_what_was_opened_is_not_judged_through_a_link(listed: Path) -> None:
    """Somebody puts a link into the listed directory where the foreign place was."""
    by, data, kept, foreign = (
        await policing(listed.parent / "policy.yaml"),
        listed / "data",
        listed.parent / "kept",
        listed.parent / "etc",
    )
    data.rmdir()
    data.symlink_to(foreign)
    real = opened(data)

    def linked() -> None:
        foreign.rename(listed.parent / "etc.old")
        foreign.symlink_to(listed)

    moved = flipped(linked, by.moved)
    with pytest.raises(leads.MovedError, match=f"leads to {foreign} now"):
        leads.check(kept, str(data), real, writable=True, moved=moved, admitted=str(data))
    foreign.unlink()
    with pytest.raises(leads.MovedError, match=f"leads to {foreign} now"):
        leads.check(kept, str(data), real, writable=True, moved=by.moved, admitted=str(data))


async def test_another_place_below_a_listed_directory_may_be_mounted(listed: Path) -> None:
    by, data = await policing(listed.parent / "policy.yaml"), listed / "data"
    (listed / "other").mkdir()
    assert by.moved(str(data), listed / "other", writable=True) == ""
    assert by.moved(str(data), listed.parent, writable=True).startswith(f"leads to {listed.parent} now")


@pytest.mark.parametrize(("required", "said"), [(True, "nothing new is admitted until it is mended"), (False, "")])
async def test_a_node_without_its_policy_lets_nothing_lead_elsewhere(
    listed: Path, *, required: bool, said: str
) -> None:
    (listed.parent / "policy.yaml").unlink()
    by = await policing(listed.parent / "policy.yaml", required=required)
    found = by.moved(str(listed / "data"), listed.parent / "etc", writable=False)
    assert said in found
    assert bool(found) == bool(said)
