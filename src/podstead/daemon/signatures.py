"""The parts that look at signatures; made only where the mode that holds is not off, for they cost 10 MiB."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from podstead.agent.signatures import Signatures
from podstead.agent.trust_keeper import TrustFiles, TrustKeeper
from podstead.signing import envelope, revocation, signers
from podstead.sources.guarded import GuardFault, read_guarded
from podstead.store.kept_trust import KeptTrustStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from podstead.agent.table import PodTable
    from podstead.config.security import SecuritySettings
    from podstead.daemon.ground import Ground
    from podstead.state.provenance import Provenance
    from podstead.store.kept_trust import KeptTrust


class OperatorsTrust:
    """The operator's files of signers and revoked keys, and what is kept of them."""

    def __init__(self, settings: SecuritySettings, kept: KeptTrustStore) -> None:
        self._settings = settings
        self._kept = kept

    async def files(self) -> TrustFiles:
        """Read the operator's files."""
        return await asyncio.to_thread(self._files)

    def _files(self) -> TrustFiles:
        signers_path, revoked_path = self._settings.allowed_signers, self._settings.revoked_keys
        beside = signers_path.with_name(f"{signers_path.name}.sig")
        data, trouble = self._read(signers_path, signers.MAX_BYTES)
        revoked, revoked_trouble = self._read(revoked_path, revocation.MAX_BYTES)
        return TrustFiles(
            signers=data,
            signers_signature=self._read(beside, envelope.MAX_BYTES)[0],
            revoked=revoked,
            signers_trouble=trouble,
            revoked_trouble=revoked_trouble,
            signers_path=str(signers_path),
            revoked_path=str(revoked_path),
        )

    def _read(self, path: Path, limit: int) -> tuple[bytes | None, str]:
        """Return a file's bytes, or why they do not count; neither where there is none."""
        try:
            return read_guarded(path, limit, lenient=self._settings.allow_insecure), ""
        except FileNotFoundError:
            return None, ""
        except GuardFault as fault:
            return None, str(fault)
        except OSError as error:
            return None, f"cannot read {path}: {error.strerror}"

    async def kept(self) -> KeptTrust:
        """Read what was kept."""
        return await self._kept.load()

    async def put_index(self, index: bytes, signature: bytes) -> None:
        """Keep an index with its signature."""
        await self._kept.put_index(index, signature)

    async def put_revoked(self, revoked: bytes) -> None:
        """Keep the revoked keys."""
        await self._kept.put_revoked(revoked)


def build_signatures(ground: Ground, table: Callable[[], PodTable]) -> Signatures:
    """Return what verifies before anything is parsed; nothing runs yet."""
    stores, settings = ground.stores, ground.settings
    book = OperatorsTrust(settings.security, KeptTrustStore(settings.paths.state))
    keeper = TrustKeeper(stores.trust, book, settings.security.signature_mode, ground.clock, settings.hints)

    def admitted() -> Mapping[str, Provenance]:
        return admitted_contents(table())

    made = Signatures(settings.node.name, keeper, admitted, ground.recorder, ground.auditor, ground.clock)

    def allowed() -> Mapping[str, str]:
        now = ground.clock.now()
        active = stores.trust.allowed(now).active(now)
        return {one.digest: f"root let it through for a while: {one.reason}" for one in active}

    made.allowed = allowed
    return made


def admitted_contents(table: PodTable) -> Mapping[str, Provenance]:
    """Return what stands for the contents that run or wait, by the digest of the whole file that each stood in."""
    found: dict[str, Provenance] = {}
    for session in table.sessions():
        record = session.record
        if record.terminating:
            continue
        passed_over = record.rollback.passed_over if record.rollback is not None else None
        for identifier in (record.effective, record.candidate, passed_over):
            revision = session.revision(identifier)
            if revision is not None and revision.provenance is not None and revision.provenance.digest:
                found[revision.provenance.digest] = revision.provenance
    return found
