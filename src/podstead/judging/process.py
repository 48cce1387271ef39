"""The agent's side of the child that judges: started for one policy, asked one file at a time, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import msgspec

from podstead.children import OUT_OF_MEMORY
from podstead.judging.child import MEMORY_BYTES
from podstead.judging.wire import LENGTH_BYTES, Answer, framed, length_of, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.judging.wire import Question

COMMAND = (sys.executable, "-I", "-m", "podstead.judging.child")
ANSWER_SECONDS = 5.0
"""For one file: a usual one takes 2 ms, 1 MiB of it a second, and a rule that takes longer is a bomb."""
START_SECONDS = 20.0
"""For the child to load what it needs: 0.2 s on an idle machine."""
IDLE_SECONDS = 60.0
"""A set of files is written within a minute; the child's 32 MiB are not kept for the next one."""


class ChildFailure(Exception):
    """The child gave no answer; the text says why, as the end of a sentence about what it was asked."""


class JudgingProcess:
    """At most one child at a time. `command` is what is run."""

    def __init__(self, command: Sequence[str] = COMMAND, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._command = tuple(command)
        self._seconds = answer_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._policy = b""
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def faults(self, policy: bytes) -> Answer:
        """Return what is wrong with a policy's rules: refused, with messages, or not. Raises ChildFailure."""
        async with self._turn:
            return await self._start(policy)

    async def ask(self, policy: bytes, question: Question) -> Answer:
        """Return what a policy says of a file; a child that cannot say so refuses it."""
        try:
            message = framed(question)
        except ValueError:
            return refusal("the file cannot be judged: its name, or who signed it, is not UTF-8")
        async with self._turn:
            self._stay()
            try:
                fresh = self._process is None or self._policy != policy
                if fresh and (await self._start(policy)).refused:
                    return refusal("the policy's rules cannot be used: podstead policy check shows why")
                found = await self._exchange(message, self._seconds)
            except ChildFailure as failure:
                return refusal(f"the policy's rules did not come to a verdict: judging the file {failure}", unsure=True)
            self._sleep_later()
            return found

    async def close(self) -> None:
        """End the child."""
        self._stay()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()  # to the end of its pipes: the loop may be closed next

    async def _start(self, policy: bytes) -> Answer:
        await self.close()
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise ChildFailure(f"needs a process that cannot be started: {error.strerror}") from None
        self._policy = policy
        return await self._exchange(framed(policy), START_SECONDS)

    async def _exchange(self, message: bytes, seconds: float) -> Answer:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise AssertionError("a child is asked after it was started, by pipes")
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(message)
                await process.stdin.drain()
                head = await process.stdout.readexactly(LENGTH_BYTES)
                data = await process.stdout.readexactly(length_of(head))
            return msgspec.msgpack.decode(data, type=Answer)
        except TimeoutError:
            await self.close()
            raise ChildFailure(f"took longer than {seconds:g} s") from None
        except (OSError, asyncio.IncompleteReadError):
            status = await process.wait()
            self._process = None
            raise ChildFailure(_why(status)) from None
        except (ValueError, msgspec.MsgspecError):
            await self.close()
            raise ChildFailure("gave no answer that can be read") from None
        except asyncio.CancelledError:
            await self.close()
            raise

    def _stay(self) -> None:
        """Let the child not end for want of questions while it is asked one."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _sleep_later(self) -> None:
        """End the child when nothing is asked of it for a while."""
        self._stay()
        process = self._process

        def sleep() -> None:
            self._idle = None
            if process is not None and process is self._process and process.stdin is not None:
                process.stdin.close()  # it ends by itself, and is waited for by the loop's own watcher
                self._process = None

        self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, sleep)


def _why(status: int) -> str:
    if status == OUT_OF_MEMORY:
        return f"took more than {MEMORY_BYTES >> 20} MiB of memory"
    if status < 0:
        return f"ended its process by signal {-status}"
    return f"ended its process with status {status}"
