"""Bytes of a manifest file to a `Reading`, at a cost that no file can raise.

Small files are read on the loop, where the manifest room's own limits hold. Larger ones go to a child process with
limits of memory and time, at most two at once; its death is a verdict on the file, never the agent's (foundation 7).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from podstead.children import OUT_OF_MEMORY
from podstead.manifest.reading import Message, Reading, Severity
from podstead.sources.content import Content, read_content
from podstead.sources.decode_child import CPU_SECONDS, MEMORY_BYTES
from podstead.sources.wire import decode_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.state.sources import ManifestFile

MOST_INLINE_BYTES = 8 << 10
"""Above any usual Pod; the costliest text of this size (all documents bad, all fields unknown) takes 31 ms, while
64 KiB of it take 245 ms, in which no probe would run. `inline_bytes` lowers this, never raises it."""
CHILD_COMMAND = (sys.executable, "-I", "-m", "podstead.sources.decode_child")
WALL_SECONDS = 10.0
"""Twice the child's CPU limit: longer means that the machine had no time for it, not that the file is bad."""
CHILDREN = 2
"""The machine's other processors belong to the pods."""
MOST_ANSWER_BYTES = 16 << 20
CACHE_FILES = 512
CACHE_BYTES = 8 << 20


class DecodeLimits(Protocol):
    """The sizes that matter here; those of the directory, or of the URL where it is alone."""

    @property
    def max_file_bytes(self) -> int:
        """Larger contents are refused."""
        ...

    @property
    def inline_bytes(self) -> int:
        """Larger contents are decoded in a child process."""
        ...


class Decoder:
    """Decodes files for one node; remembers readings by the digest of their bytes, within bounds."""

    def __init__(
        self,
        node_name: str,
        strict: bool,
        settings: DecodeLimits,
        content: Content = Content.PODS,
        *,
        child_command: Sequence[str] = CHILD_COMMAND,
        wall_seconds: float = WALL_SECONDS,
    ) -> None:
        self._node_name = node_name
        self._strict = strict
        self._settings = settings
        self._content = content
        self._command = (*child_command, node_name, "strict" if strict else "lenient", content.value)
        self._wall_seconds = wall_seconds
        self._children = asyncio.Semaphore(CHILDREN)
        self._cache: OrderedDict[str, tuple[Reading, int]] = OrderedDict()
        self._cached_bytes = 0

    async def decode(self, file: ManifestFile) -> Reading:
        """Return what the file's bytes say; refused for a file that breaks a limit. Raises ValueError without bytes."""
        data = file.data
        if data is None:
            raise ValueError(f"cannot decode {file.name}: it has no bytes ({file.reason})")
        if file.digest in self._cache:
            self._cache.move_to_end(file.digest)
            return self._cache[file.digest][0]
        if len(data) > self._settings.max_file_bytes:
            return _refused("TooLarge", f"the file has {len(data)} bytes, the limit is {self._settings.max_file_bytes}")
        if len(data) <= min(self._settings.inline_bytes, MOST_INLINE_BYTES):
            await asyncio.sleep(0)  # a hundred files in a row must not be one turn of the loop
            reading, lasting = self._read(data), True
        else:
            async with self._children:
                reading, lasting = await self._decode_in_child(data)
        if lasting:
            self._remember(file.digest, reading, len(data))
        return reading

    def _read(self, data: bytes) -> Reading:
        return read_content(data, self._content, node_name=self._node_name, strict=self._strict)

    def _remember(self, digest: str, reading: Reading, size: int) -> None:
        if not digest:
            return
        self._forget(digest)
        self._cache[digest] = (reading, size)
        self._cached_bytes += size
        while len(self._cache) > CACHE_FILES or self._cached_bytes > CACHE_BYTES:
            self._forget(next(iter(self._cache)))

    def _forget(self, digest: str) -> None:
        if digest in self._cache:
            self._cached_bytes -= self._cache.pop(digest)[1]

    async def _decode_in_child(self, data: bytes) -> tuple[Reading, bool]:
        """Return the reading and whether the same bytes would give it again."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            text = f"the file is too large to be read in the agent, and no child could be started: {error.strerror}; it is tried again soon"
            return _refused("DecodeUnavailable", text, unsure=True), False
        try:
            async with asyncio.timeout(self._wall_seconds):
                answer = await _converse(process, data)
                status = 0 if answer is None else await process.wait()
            if answer is None:
                return _refused("DecodeLimit", "the file unfolds to more than a node can hold: make it smaller"), True
            return (_died(status) if status else decode_reading(answer)), True
        except TimeoutError:
            text = f"reading the file took longer than {self._wall_seconds:g} s: it is tried again soon"
            return _refused("DecodeLimit", text, unsure=True), False
        except ValueError:
            return _refused("DecodeLimit", "the process that read the file gave no reading: make it smaller"), True
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _converse(process: asyncio.subprocess.Process, data: bytes) -> bytes | None:
    """Give the child its bytes and return its answer, or None for one that exceeds the limit."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("both are pipes")

    async def feed() -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit status says why it went
            stdin.write(data)
            await stdin.drain()
        stdin.close()

    answer = bytearray()
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(feed())
        while part := await stdout.read(1 << 16):
            answer += part
            if len(answer) > MOST_ANSWER_BYTES:
                feeding.cancel()
                return None
    return bytes(answer)


def _died(status: int) -> Reading:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        why = f"took more than {CPU_SECONDS} s of processor time"
    elif status == OUT_OF_MEMORY:
        why = f"took more than {MEMORY_BYTES >> 20} MiB of memory"
    elif status < 0:
        why = f"ended its process by {signal.Signals(-status).name}"
    else:
        why = f"ended its process with status {status}"
    return _refused("DecodeLimit", f"reading the file {why}: make it smaller and simpler")


def _refused(reason: str, text: str, *, unsure: bool = False) -> Reading:
    message = Message(line=0, column=0, field="", severity=Severity.ERROR, message=text)
    return Reading(messages=(message,), reason=reason, unsure=unsure)
