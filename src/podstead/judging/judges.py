"""A file judged where it is cheapest: on the loop if it is small and the policy has no rules, else in the child."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import TYPE_CHECKING

from podstead.judging.wire import WirePath, refusal
from podstead.threads import MAX_STUCK, StuckError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.judging.keeper import InForce
    from podstead.judging.process import JudgingProcess
    from podstead.judging.wire import Answer, Question
    from podstead.policy.values import PathFacts
    from podstead.threads import PathThreads

MOST_INLINE_BYTES = 8 << 10
"""As for decoding: the costliest text of this size takes 31 ms, in which no probe would run."""
PATH_SECONDS = 2.0
"""For all paths of a file: one that has not answered by then is on a dead file system, and every edit waits meanwhile."""


class FileJudges:
    """Asks on the loop or in the child; looks paths up in threads that may be left behind."""

    def __init__(self, process: JudgingProcess, threads: PathThreads) -> None:
        self._process = process
        self._threads = threads
        self._asking: dict[str, asyncio.Task[PathFacts]] = {}
        """The paths that are looked up now: who asks for one meanwhile shares its answer, and its thread."""
        self._places = asyncio.Semaphore(MAX_STUCK)
        """Files whose paths are looked up at once: as many as dead paths are borne, so that all of these wait together."""

    async def judge(self, by: InForce, question: Question) -> Answer:
        """Return what the policy in force says of a file; a node that is closed refuses everything."""
        if by.policy is None:
            return refusal(by.problem)
        if by.policy.rules or len(question.data) > MOST_INLINE_BYTES:
            return await self._process.ask(by.data, question)
        from podstead.judging.work import answer  # noqa: PLC0415 - a node without a policy does without

        await asyncio.sleep(0)  # a hundred files in a row must not be one turn of the loop
        return answer(question, by.policy, None)

    async def look_up(self, paths: Iterable[str], prefixes: Iterable[str]) -> tuple[WirePath, ...]:
        """Return what a file's paths of the node lead to, and the directories that the policy lists.

        May be asked for many files at once. One that cannot be looked at leads nowhere. The paths have `PATH_SECONDS`
        together, and after one that does not answer no other is asked: the file is refused for that one. A listed directory
        is the operator's, and has as long by itself.
        """
        wanted, listed = sorted(set(paths)), sorted(set(prefixes))
        if not wanted and not listed:
            return ()
        async with self._places:
            return await self._looked_up_all(wanted, listed)

    async def _looked_up_all(self, wanted: list[str], listed: list[str]) -> tuple[WirePath, ...]:
        found: dict[str, WirePath] = {}
        loop = asyncio.get_running_loop()
        end = loop.time() + PATH_SECONDS
        try:
            for path in wanted:
                found[path] = await self._looked_up(path, round(end - loop.time(), 1))
        except StuckError as error:
            found |= {path: WirePath(path, fault=str(error)) for path in wanted if path not in found}
        for prefix in (one for one in listed if one not in found):
            try:
                found[prefix] = await self._looked_up(prefix, PATH_SECONDS)
            except StuckError as error:
                found[prefix] = WirePath(prefix, fault=str(error))
        return tuple(found[path] for path in sorted(found))

    async def _looked_up(self, path: str, seconds: float) -> WirePath:
        """Return what a path leads to. Raises StuckError where nobody says so in time."""
        if seconds <= 0:
            raise StuckError(f"the paths before it took {PATH_SECONDS:g} s")
        task = self._asked(path)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise StuckError(f"no answer within {seconds:g} s: is it on a network file system that is away?")
        try:
            facts = task.result()
        except StuckError:
            raise
        except OSError as error:
            return WirePath(path, fault=error.strerror or str(error))
        steps = tuple((step.device, step.inode, step.mount) for step in facts.steps)
        return WirePath(path, os.fsencode(facts.real), steps, tuple(os.fsencode(name) for name in facts.missing))

    def _asked(self, path: str) -> asyncio.Task[PathFacts]:
        """Return what is looking a path up, whoever has asked first; it ends by itself."""
        from podstead.judging.paths import resolve  # noqa: PLC0415 - a node without a policy does without

        if (task := self._asking.get(path)) is None:
            looking = self._threads.run(f"policy {path}", lambda: resolve(path), PATH_SECONDS)
            task = self._asking[path] = asyncio.create_task(looking, name="policy path")
            task.add_done_callback(partial(self._answered, path))
        return task

    def _answered(self, path: str, task: asyncio.Task[PathFacts]) -> None:
        del self._asking[path]
        if not task.cancelled():
            task.exception()  # whoever still waits is told; that nobody does is no fault

    async def close(self) -> None:
        """End the child."""
        for task in tuple(self._asking.values()):
            task.cancel()
        await self._process.close()
