"""A file judged where it is cheapest: on the loop if it is small and the policy has no rules, else in the child."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.judging.wire import WirePath, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.judging.keeper import InForce
    from podstead.judging.process import JudgingProcess
    from podstead.judging.wire import Answer, Question
    from podstead.threads import PathThreads

MOST_INLINE_BYTES = 8 << 10
"""As for decoding: the costliest text of this size takes 31 ms, in which no probe would run."""
PATH_SECONDS = 2.0
"""A path that has not answered by then is on a dead file system: it is not known to lie where it may."""


class FileJudges:
    """Asks on the loop or in the child; looks paths up in threads that may be left behind."""

    def __init__(self, process: JudgingProcess, threads: PathThreads) -> None:
        self._process = process
        self._threads = threads

    async def judge(self, by: InForce, question: Question) -> Answer:
        """Return what the policy in force says of a file; a node that is closed refuses everything."""
        if by.policy is None:
            return refusal(by.problem)
        if by.policy.rules or len(question.data) > MOST_INLINE_BYTES:
            return await self._process.ask(by.data, question)
        from podstead.judging.work import answer  # noqa: PLC0415 - a node without a policy does without

        await asyncio.sleep(0)  # a hundred files in a row must not be one turn of the loop
        return answer(question, by.policy, None)

    async def look_up(self, paths: Iterable[str]) -> tuple[WirePath, ...]:
        """Return what paths of the node lead to; one that cannot be looked at leads nowhere."""
        from podstead.judging.paths import resolve  # noqa: PLC0415 - a node without a policy does without

        found = []
        for path in sorted(set(paths)):
            try:
                facts = await self._threads.run(f"policy {path}", lambda path=path: resolve(path), PATH_SECONDS)  # type: ignore[misc]  # mypy cannot infer a lambda's default
            except OSError:
                found.append(WirePath(path, path, (), ()))
                continue
            steps = tuple((step.device, step.inode, step.mount) for step in facts.steps)
            found.append(WirePath(path, facts.real, steps, facts.missing))
        return tuple(found)

    async def close(self) -> None:
        """End the child."""
        await self._process.close()
