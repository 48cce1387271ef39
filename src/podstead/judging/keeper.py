"""The policy in force: read from its file when that changes, the last good one kept when a new one cannot be used."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from podstead.errors import PodsteadError
from podstead.judging.process import ChildFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from podstead.judging.process import JudgingProcess
    from podstead.manifest.reading import Message
    from podstead.policy.values import Policy

_Stamp = tuple[tuple[int, ...] | None, tuple[int, ...] | None]

DIGITS = 12
"""Of a policy's digest, as people see it."""


class PolicyTrouble(StrEnum):
    """Why the file is not what is judged by."""

    MISSING = "PolicyMissing"
    DAMAGED = "PolicyDamaged"
    UNTRUSTED = "PolicyUntrusted"
    UNSIGNED = "PolicyUnsigned"
    NOT_KEPT = "PolicyNotKept"


class Trust(Protocol):
    """Who stands for a policy where signatures count, and the policy that was in force there last."""

    async def objection(self, data: bytes, signature: bytes | None) -> str:
        """Return why a policy may not come into force, with what to do; empty: it may."""
        ...

    async def kept(self) -> bytes | None:
        """Return the policy that was in force last, if one may not go without it. Raises PodsteadError."""
        ...

    async def keep(self, data: bytes) -> None:
        """Remember a policy before anything comes of it. Raises PodsteadError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What is judged by. `policy` None: there is none, and with `closed` nothing new is admitted until there is.

    `trouble` and `problem` say what is wrong with the file while an earlier content of it is in force, or none.
    """

    policy: Policy | None = None
    data: bytes = b""
    digest: str = ""
    closed: bool = False
    trouble: PolicyTrouble | None = None
    problem: str = ""

    @property
    def shown(self) -> str:
        """The digest as people see it."""
        return f"sha256:{self.digest[:DIGITS]}"


class PolicyKeeper:
    """Keeps the policy of one file. `read` returns its bytes, and raises OSError or ValueError with a sentence.

    With `trust` a file comes into force only where somebody stands for it, and what was in force stays so over a restart.

    `required`: the file was named, so its lack closes the node to new content; else no file is no policy, unless the signed index
    lists one.
    """

    def __init__(self, path: Path, read: Callable[[Path], bytes], process: JudgingProcess, *, required: bool) -> None:
        self.path = path
        self._read = read
        self._process = process
        self._required = required
        self._seen: _Stamp | None = None
        """What the file and its signature looked like when they were read last; None: never."""
        self._again = False
        """Whether the same file may do better at the next look."""
        self._begun = False
        self._lost = ""
        """Why it is not known which policy was in force before."""
        self.trust: Trust | None = None
        """None where nobody looks at signatures."""
        self._under = ""
        self._reading = asyncio.Lock()
        self.in_force = InForce()
        self.listed: Callable[[], str] = lambda: ""
        """The SHA-256 of the policy that the signed index in force lists; empty: it lists none, or nobody goes by one."""

    async def changed(self) -> bool:
        """Return whether the file is another than the one that was read last, or may do better now."""
        return self._again or await self._stamp() != self._seen

    async def current(self) -> InForce:
        """Return what is judged by now."""
        async with self._reading:  # nobody is told of the policy before while the one of now is being read
            if not self._begun:
                await self._begin()
            stamp, under = await self._stamp(), self.listed()
            if self._again or (stamp, under) != (self._seen, self._under):
                self._seen, self._under, self._again = stamp, under, False
                try:
                    self.in_force = await self._taken()
                except BaseException:
                    self._again = True  # it was not read to its end
                    raise
            return self.in_force

    async def _begin(self) -> None:
        """Go by what was in force before, whatever has become of the file since."""
        from podstead.policy.read import read_policy  # noqa: PLC0415 - a node without a policy does without

        try:
            data = await self.trust.kept() if self.trust is not None else None
        except PodsteadError as error:
            self._begun, self._lost = True, str(error)
            return
        self._begun = True
        if data is None:
            return
        policy = (await asyncio.to_thread(read_policy, data)).policy
        if policy is None:
            self._lost = "the policy that was in force before cannot be read any more"
            return
        self.in_force = InForce(policy=policy, data=data, digest=hashlib.sha256(data).hexdigest())

    async def _stamp(self) -> _Stamp:
        return await asyncio.to_thread(lambda: (_look(self.path), _look(self._signature_path)))

    @property
    def _signature_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.sig")

    async def _objection(self, data: bytes) -> str:
        """Return why nobody stands for a policy; what was in force before needs no one again."""
        if self.trust is None or data == self.in_force.data:
            return ""
        try:
            signature = await asyncio.to_thread(self._read, self._signature_path)
        except (OSError, ValueError):
            signature = None
        return await self.trust.objection(data, signature)

    async def _taken(self) -> InForce:
        from podstead.policy.read import read_policy  # noqa: PLC0415 - a node without a policy does without

        try:
            data = await asyncio.to_thread(self._read, self.path)
        except FileNotFoundError:
            return self._kept_without_file()
        except OSError as error:
            return self._kept(PolicyTrouble.DAMAGED, f"cannot be read: {error.strerror or error}")
        except ValueError as error:
            return self._kept(PolicyTrouble.UNTRUSTED, str(error))
        if self._under not in ("", hashlib.sha256(data).hexdigest()):
            return self._kept(PolicyTrouble.UNTRUSTED, "is another than the one that the signed index lists")
        if why := await self._objection(data):
            self._again = True  # an index or a signer may come that stands for it
            return self._kept(PolicyTrouble.UNSIGNED, f"may not come into force: {why}")
        reading = await asyncio.to_thread(read_policy, data)
        if reading.policy is None:
            return self._kept(PolicyTrouble.DAMAGED, _first(reading.messages))
        if reading.policy.rules:
            try:
                faults = await self._process.faults(data)
            except ChildFailure as failure:
                self._again = True
                return self._kept(PolicyTrouble.DAMAGED, f"its rules cannot be used: reading them {failure}")
            if faults.refused:
                return self._kept(PolicyTrouble.DAMAGED, _first(faults.told()))
        if self.trust is not None:
            try:
                await self.trust.keep(data)
            except PodsteadError as error:
                self._again = True
                return self._kept(PolicyTrouble.NOT_KEPT, f"may not come into force before it is on record: {error}")
        self._lost = ""
        return InForce(policy=reading.policy, data=data, digest=hashlib.sha256(data).hexdigest())

    def _kept_without_file(self) -> InForce:
        if self._lost:
            return self._kept(PolicyTrouble.MISSING, f"is not there, and {self._lost}")
        if self.in_force.policy is None and not self._required and not self._under:
            return InForce()
        return self._kept(PolicyTrouble.MISSING, "is not there any more" if self.in_force.policy else "is not there")

    def _kept(self, trouble: PolicyTrouble, why: str) -> InForce:
        """Return the last good policy, or what closes the node to new content, with what is wrong."""
        last = self.in_force
        text = f"the policy file {self.path} {why}"
        if last.policy is None:
            return InForce(closed=True, trouble=trouble, problem=f"{text}: nothing new is admitted until it is mended")
        kept = f"the policy that was read before ({last.shown}) stays in force"
        return InForce(
            policy=last.policy, data=last.data, digest=last.digest, trouble=trouble, problem=f"{text}: {kept}"
        )


def _look(path: Path) -> tuple[int, ...] | None:
    """Return what tells one content of a file from another; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _first(messages: tuple[Message, ...]) -> str:
    """Return the first error of a policy file, to follow its path."""
    found = next((m for m in messages if m.severity == "error"), None)
    return f"cannot be used: {found.placed if found is not None else 'it has faults'}"
