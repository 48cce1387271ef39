"""Logs to examine: written by the real writer into a directory, with a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.audit import key_file
from podstead.audit.reader import examine_log, last_checkpoint
from podstead.audit.sealing import VerificationKey, read_verification_key
from podstead.audit.segments import segment_name, segment_numbers
from podstead.audit.writer import LogLimits, LogWriter, Noted
from podstead.clock import Instant
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.proof import Examination
    from podstead.audit.writer import Written

VERSION = "1.2.3"


@dataclass
class HandClock:
    """A clock that a test moves."""

    boot: float = 1000.0
    wall: float = 1_800_000_000.0
    boot_id: str = "11111111-2222-3333-4444-555555555555"

    def now(self) -> Instant:
        return Instant(boot_id=self.boot_id, boot=self.boot, wall=self.wall)

    async def sleep(self, seconds: float) -> None:
        import asyncio

        self.boot += max(0.0, seconds)
        await asyncio.sleep(0)


def entry(number: int) -> AuditEntry:
    """Return an entry that is told apart by its number."""
    return AuditEntry(
        act=Act.EXEC, subject=f"default/pod-{number}", message=f"entry {number}", facts={Fact.COUNT: number}
    )


@dataclass
class Log:
    """A log in a directory and who writes it."""

    directory: Path
    limits: LogLimits = field(default_factory=LogLimits)
    clock: HandClock = field(default_factory=HandClock)
    writer: LogWriter = field(init=False)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """Begin anew, as an agent that was restarted or had crashed."""
        self.writer = LogWriter(self.directory, self.clock.now, version=VERSION, limits=self.limits)

    def write(self, *numbers: int) -> list[Written]:
        """Write entries as one batch."""
        self.clock.wall += 1
        return self.writer.write([Noted(at=self.clock.now(), entry=entry(number)) for number in numbers])

    @property
    def verification(self) -> VerificationKey:
        """The key, as long as nobody took it away."""
        text = key_file.read_kept_key(self.directory)
        assert text is not None
        return read_verification_key(text)

    def checkpoint(self) -> Checkpoint:
        """Return what fixes the log as it is."""
        found = last_checkpoint(self.directory)
        assert found is not None
        return found

    def lines(self) -> list[bytes]:
        """Return all lines of all files."""
        return [line for path in self.paths() for line in path.read_bytes().splitlines()]

    def paths(self) -> list[Path]:
        """Return the files."""
        return [self.directory / segment_name(number) for number in segment_numbers(self.directory)]

    def examined(self, keys: Sequence[VerificationKey] = (), checkpoints: Sequence[Checkpoint] = ()) -> Examination:
        """Return what it proves."""
        return examine_log(self.directory, keys, checkpoints)
