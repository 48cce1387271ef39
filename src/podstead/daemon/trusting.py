"""Root's word about what is trusted: fills in `server.trust.TrustPort`, and counts the time of what was let through.

The command line uses it as well, on the state directory itself, where no agent runs.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from podstead.config.security import SecuritySettings, SignatureMode
from podstead.errors import OperatorError
from podstead.hints import USUAL, Hints
from podstead.server.trust import AllowanceReport, TrustReport
from podstead.state.allowances import AllowanceRefusal
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.state.trust import (
    TrustRefusal,
    initialised,
    lowered,
    mode_in_force,
    reason_fault,
    signers_lost,
    with_signers,
)
from podstead.status.times import rfc3339
from podstead.store import files
from podstead.store.kept_trust import KeptTrustStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from podstead.clock import Clock
    from podstead.signing.revocation import Revoked
    from podstead.state.allowances import Allowance
    from podstead.state.trust import TrustRecord
    from podstead.store.trust import TrustStore

COUNT_SECONDS = 15.0
"""How often the time of what was let through is counted, and its end noticed: what an agent that is killed forgets of it."""


class Auditor(Protocol):
    """Where it is told what root has said."""

    def note(self, entry: AuditEntry) -> None:
        """Take one entry."""
        ...


class TrustDesk:
    """Takes root's word, makes it durable and tells of it. `settings` is None where no agent runs.

    `on_change` is called after each change, and when the time of an allowance is over. `hints` are the commands that reach whose
    trust this is.
    """

    def __init__(
        self,
        store: TrustStore,
        clock: Clock,
        auditor: Auditor,
        settings: SecuritySettings | None = None,
        on_change: Callable[[], object] = lambda: None,
        hints: Hints = USUAL,
    ) -> None:
        self._store = store
        self._clock = clock
        self._auditor = auditor
        self._settings = settings
        self.on_change = on_change
        self._hints = hints
        self._allowed = asyncio.Event()
        self._open = {one.digest for one in store.allowances.entries if not one.ended}
        """The contents that are let through as far as anybody was told."""

    def trust(self) -> TrustReport:
        """Return what is on record."""
        record, configured = self._store.record, self._settings.signature_mode if self._settings else None
        mode, note = mode_in_force(configured, record, self._hints) if configured is not None else (record.mode, "")
        notes = [note] if note else []
        if record.lost:
            notes.append(
                "the record was lost: nothing new counts until root says from which version on:"
                f" {self._hints.trust} init --floor N{self._hints.stopped}"
            )
        if record.signers != "" and self._store.signers is None:
            path = (self._settings or SecuritySettings()).allowed_signers
            notes.append(signers_lost(record.signers, str(path), self._hints))
        accepted, lowering = record.accepted, record.lowering
        return TrustReport(
            mode=str(mode),
            configured=str(configured or ""),
            accepted=accepted.version if accepted else None,
            accepted_digest=accepted.digest if accepted else "",
            floor=record.floor,
            signers=record.signers or "",
            principals=self._principals(),
            lowered=f"{rfc3339(lowering.at)}: {lowering.reason}" if lowering else "",
            notes=tuple(notes),
        )

    def _principals(self) -> tuple[str, ...]:
        if self._store.signers is None:
            return ()
        # Not at the top: only who asks pays for the cryptographic library.
        from podstead.signing.signers import SignersError, read_signers  # noqa: PLC0415 - see above

        try:
            return tuple(dict.fromkeys(one.principals for one in read_signers(self._store.signers, None)))
        except SignersError:
            return ()

    async def set_floor(self, floor: int) -> str:
        """Let indexes count from this version on."""
        if not 0 <= floor < 1 << 53:
            raise OperatorError("a floor is a version, a number from 0 on")
        await self._change(lambda record: initialised(record, floor))
        text = f"indexes count from version {floor} on"
        self._note(Act.INDEX, "floor", "FloorSet", text, {Fact.VERSION: floor})
        return text

    async def lower_mode(self, mode: str, reason: str) -> str:
        """Let a lower signature mode be in force than the last one."""
        try:
            wanted = SignatureMode(mode)
        except ValueError:
            raise OperatorError(f"there is no signature mode {mode!r}: take {', '.join(SignatureMode)}") from None
        at = self._clock.now().wall
        await self._change(lambda record: lowered(record, wanted, reason, at))
        self._note(Act.MODE, "signature mode", "ModeLowered", reason, {Fact.MODE: mode})
        configured = self._settings.signature_mode if self._settings else wanted
        holds = mode_in_force(configured, self._store.record)[0]
        stays = f"; {holds} is configured, and so stays in force" if holds is not wanted else ""
        return f"signature mode {wanted} may be in force from now on{stays}"

    async def rotate_signers(self, signers: bytes, signature: bytes, reason: str = "") -> str:
        """Trust other signers, whose file a key of the present ones has signed.

        Where the present ones are on record and their file is lost: bring it back, or trust others for a `reason`.
        """
        from podstead.signing.succession import signers_fault  # noqa: PLC0415 - only who rotates pays for it

        async with self._store.changing:
            held = self._store.signers
            if held is None or signers_fault(held):
                event, text = self._replaced(signers, reason)
            else:
                await self._check_succession(signers, signature, held, reason)
                event, text = "SignersRotated", "the new allowed signers are in force"
            digest = sha256(signers).hexdigest()
            await self._store.put(with_signers(self._store.record, digest), signers)
        if self._settings is not None:
            await asyncio.to_thread(replace_pair, self._settings.allowed_signers, signers, signature)
        said = f"{text}, SHA-256 {digest}"
        message = f"{said}: {reason}" if reason else said
        self._note(Act.KEY, "allowed signers", event, message, {Fact.DIGEST: digest})
        return said

    async def _check_succession(self, signers: bytes, signature: bytes, held: bytes, reason: str) -> None:
        """Raise OperatorError where a file of signers may not follow the one in force."""
        from podstead.signing.succession import signers_in_force  # noqa: PLC0415 - only who rotates pays for it

        if reason:
            raise OperatorError(
                "no reason is taken: the signers in force are here, and a key of theirs signs the new file"
            )
        now, revoked = self._clock.now().wall, await self._revoked()
        found = signers_in_force(signers, signature or None, held, now=now, revoked=revoked)
        if found is None or found.message:
            raise OperatorError(found.message if found else "the new allowed signers cannot be read")

    def _replaced(self, signers: bytes, reason: str) -> tuple[str, str]:
        """Return what is told of signers that take the place of lost ones. Raises OperatorError where they may not."""
        from podstead.signing.succession import signers_fault  # noqa: PLC0415 - only who rotates pays for it

        recorded = self._store.record.signers
        if recorded == "":
            raise OperatorError("no signers are in force yet: the file that is configured is taken as it is")
        if fault := signers_fault(signers):
            raise OperatorError(f"the new allowed signers do not count: {fault}")
        if recorded == sha256(signers).hexdigest():
            return "SignersRestored", "the allowed signers that were in force are back"
        if not reason:
            raise OperatorError(_reason_due(recorded))
        if fault := reason_fault(reason):
            raise OperatorError(f"the new allowed signers do not count: {fault}")
        return "SignersReplaced", "other allowed signers take the place of the lost ones"

    async def _revoked(self) -> Revoked:
        """Return the keys that name no successors: those of the operator's file, and those that were revoked before."""
        from podstead.signing.revocation import NOTHING, read_revoked  # noqa: PLC0415 - only who rotates pays for it
        from podstead.signing.wire import MalformedError  # noqa: PLC0415 - as above

        path = (self._settings or SecuritySettings()).revoked_keys
        kept = (await KeptTrustStore(self._store.state).load()).revoked
        found = NOTHING
        for data in (await asyncio.to_thread(files.read, path), kept):
            try:
                found |= read_revoked(data or b"")
            except MalformedError as error:
                raise OperatorError(f"cannot tell which keys are revoked: {path}: {error}") from None
        return found

    async def _change(self, change: Callable[[TrustRecord], TrustRecord]) -> None:
        async with self._store.changing:
            try:
                record = change(self._store.record)
            except TrustRefusal as refusal:
                raise OperatorError(str(refusal)) from None
            await self._store.put(record)

    def allowances(self) -> tuple[AllowanceReport, ...]:
        """Return what root let through, the newest last; also what has ended of late."""
        now = self._clock.now()
        return tuple(
            AllowanceReport(
                digest=one.digest, file=one.file, reason=one.reason, since=rfc3339(one.at), left=int(one.left(now))
            )
            for one in self._store.allowances.entries
        )

    async def allow(self, digest: str, file: str, seconds: float, reason: str) -> str:
        """Let a content through for a while."""
        now = self._clock.now()
        async with self._store.changing:
            try:
                changed = self._store.allowances.with_one(
                    digest, file, seconds=seconds, reason=reason, now=now, hints=self._hints
                )
            except AllowanceRefusal as refusal:
                raise OperatorError(str(refusal)) from None
            await self._store.put_allowances(changed)
        self._open.add(digest)
        self._allowed.set()
        until = rfc3339(now.wall + seconds)
        facts = {Fact.FILE: file, Fact.DIGEST: digest, Fact.UNTIL: until}
        self._note(Act.ALLOW, file, "Allowed", reason, facts)
        return f"{file} with SHA-256 {digest[:12]}… may run until {until}; what has started by then runs on and is not restarted"

    async def end_allowance(self, digest: str) -> str:
        """End an allowance; a beginning of the digest is enough."""
        async with self._store.changing:
            try:
                changed, ended = self._store.allowances.without(digest, self._hints)
            except AllowanceRefusal as refusal:
                raise OperatorError(str(refusal)) from None
            await self._store.put_allowances(changed)
        self._tell_end(ended, "root ended it")
        return f"{ended.file} with SHA-256 {ended.digest[:12]}… is no longer allowed; what runs of it runs on and is not restarted"

    async def run(self) -> None:
        """Count the time of what was let through, for ever; without anything to count it waits."""
        while True:
            now = self._clock.now()
            async with self._store.changing:
                after = self._store.allowed(now).counted(now)
                await self._store.put_allowances(after)
            for one in after.entries:
                if one.ended and one.digest in self._open:
                    self._tell_end(one, "its time is over")
            active = after.active(now)
            if active:
                soonest = min(one.left(now) for one in active)
                await self._clock.sleep(min(COUNT_SECONDS, soonest))
            else:
                self._allowed.clear()
                await self._allowed.wait()

    def _tell_end(self, one: Allowance, why: str) -> None:
        self._open.discard(one.digest)
        text = f"{one.file} is no longer allowed, as {why}: what runs of it runs on and is not restarted"
        self._note(Act.ALLOW_ENDED, one.file, "AllowanceEnded", text, {Fact.FILE: one.file, Fact.DIGEST: one.digest})

    def _note(self, act: Act, subject: str, reason: str, message: str, facts: Mapping[Fact, str | int]) -> None:
        self._auditor.note(AuditEntry(act=act, subject=subject, reason=reason, message=message, facts=facts))
        self.on_change()


def _reason_due(recorded: str | None) -> str:
    """Return why signers take the place of lost ones for a reason only; `recorded` as in `TrustRecord.signers`."""
    if recorded is None:
        text = (
            "which signers were in force is lost with the record of trust, and nobody can tell whether these are they"
        )
        return f"{text}: trust them with --reason TEXT"
    text = f"this is not the file of signers that was in force, SHA-256 {recorded}: its bytes are lost here, and nobody can"
    return f"{text} tell whether its keys signed this one; bring it, or trust others with --reason TEXT"


def replace_pair(path: Path, signers: bytes, signature: bytes) -> None:
    """Replace the configured file of signers and, where there is one, the signature beside it; the file's own name changes last."""
    beside = (files.Write(path=path.with_name(f"{path.name}.sig"), data=signature),) if signature else ()
    files.write_many((*beside, files.Write(path=path, data=signers)))
