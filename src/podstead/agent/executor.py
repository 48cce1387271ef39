"""Hands each step of a plan to the part that does it. No decision is made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from podstead.errors import FORBIDDEN, PodsteadError, RuntimeFault
from podstead.reconcile.actions import (
    Conclude,
    FallBack,
    FinishIncarnation,
    NoteProgress,
    PrepareVolumes,
    Promote,
    PullImage,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    RunPostStart,
    RunPreStop,
    RunSandbox,
    StartContainer,
    StopContainer,
    StopSandbox,
)

if TYPE_CHECKING:
    from podstead.agent.hooks import Hooks
    from podstead.agent.ports import Recorder
    from podstead.agent.preparer import Preparer
    from podstead.agent.promotion import Promotions
    from podstead.agent.resizer import Resizer
    from podstead.agent.session import PodSession
    from podstead.agent.starter import Starter
    from podstead.agent.stopper import Stopper
    from podstead.reconcile.actions import Step

FAILURE_EVENTS = {
    PullImage: "Failed",
    PrepareVolumes: "FailedMount",
    RunSandbox: "FailedCreatePodSandBox",
    StartContainer: "Failed",
    RunPostStart: "FailedPostStartHook",
    StopContainer: "FailedKillPod",
    StopSandbox: "FailedKillPod",
    RemoveSandbox: "FailedKillPod",
    FinishIncarnation: "FailedKillPod",
}


class Executor:
    """Runs steps."""

    def __init__(
        self,
        preparer: Preparer,
        promotions: Promotions,
        starter: Starter,
        hooks: Hooks,
        stopper: Stopper,
        resizer: Resizer,
        recorder: Recorder,
    ) -> None:
        self._preparer = preparer
        self._promotions = promotions
        self._starter = starter
        self._hooks = hooks
        self._stopper = stopper
        self._resizer = resizer
        self._recorder = recorder

    async def run(self, step: Step, session: PodSession) -> bool:
        """Carry out one step; a failure becomes an event and is raised to the worker.

        Returns whether its effect is shown already, so that the runtime need not be asked for it.
        """
        try:
            return await self._run(step, session)
        except PodsteadError as fault:
            told = fault.reason if isinstance(fault, RuntimeFault) and fault.reason in FORBIDDEN else ""
            reason = told or FAILURE_EVENTS.get(type(step), "FailedSync")
            self._recorder.event(session.key, session.uid, reason, str(fault), warning=True)
            raise

    async def _run(self, step: Step, session: PodSession) -> bool:
        match step:
            case PullImage():
                await self._preparer.pull(step, session)
            case PrepareVolumes():
                await self._preparer.volumes(step, session)
            case Promote():
                await self._promotions.promote(step, session)
            case NoteProgress():
                await self._promotions.note(step, session)
            case FallBack():
                await self._promotions.fall_back(step, session)
            case RunSandbox():
                return await self._starter.run_sandbox(step, session)
            case StartContainer():
                return await self._starter.start_container(step, session)
            case RunPostStart():
                await self._hooks.post_start(step, session)
            case Conclude():
                await self._stopper.conclude(step, session)
            case RunPreStop():
                await self._stopper.pre_stop(step, session)
            case StopContainer():
                await self._stopper.stop_container(step, session)
            case ResizePod():
                await self._resizer.resize(step, session)
            case RemoveContainer():
                await self._stopper.remove_container(step, session)
            case StopSandbox():
                await self._stopper.stop_sandbox(step, session)
            case RemoveSandbox():
                await self._stopper.remove_sandbox(step, session)
            case FinishIncarnation():
                await self._stopper.finish(session)
            case _:
                assert_never(step)
        return False
