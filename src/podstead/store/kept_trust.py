"""What trust goes by when its files are taken away: the index in force, the keys that were revoked, the node's policy.

Class A (foundation 21), `STATE/trust/index`, `index.sig`, `revoked_keys` and `policy.yaml`. The index counts as the one in force only where
its digest is the one on record, so what is written here before the record names nothing until then.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.store import files
from podstead.store.trust import DIRECTORY

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrust:
    """The bytes that were kept; None where there are none. `index` and its `signature` are there together."""

    index: bytes | None = None
    signature: bytes | None = None
    revoked: bytes | None = None


class KeptTrustStore:
    """Keeps them."""

    def __init__(self, state: Path) -> None:
        directory = state / DIRECTORY
        self._index, self._signature = directory / "index", directory / "index.sig"
        self._revoked = directory / "revoked_keys"
        self._policy = directory / "policy.yaml"

    async def load(self) -> KeptTrust:
        """Return what was kept.

        Raises:
            StoreError: something is there and cannot be read.
        """
        return await asyncio.to_thread(self._load)

    def _load(self) -> KeptTrust:
        index, signature = files.read(self._index), files.read(self._signature)
        whole = index is not None and signature is not None
        return KeptTrust(
            index=index if whole else None,
            signature=signature if whole else None,
            revoked=files.read(self._revoked),
        )

    async def put_index(self, index: bytes, signature: bytes) -> None:
        """Keep an index with its signature.

        Raises:
            StoreError: they could not be written.
        """
        batch = (files.Write(path=self._index, data=index), files.Write(path=self._signature, data=signature))
        await asyncio.to_thread(files.write_many, batch)

    async def put_revoked(self, revoked: bytes) -> None:
        """Keep the revoked keys.

        Raises:
            StoreError: they could not be written.
        """
        await asyncio.to_thread(files.write_many, (files.Write(path=self._revoked, data=revoked),))

    async def policy(self) -> bytes | None:
        """Return the policy that was in force last while signatures were enforced; None: there was none.

        Raises:
            StoreError: it is there and cannot be read.
        """
        return await asyncio.to_thread(files.read, self._policy)

    async def put_policy(self, policy: bytes) -> None:
        """Keep a policy.

        Raises:
            StoreError: it could not be written.
        """
        await asyncio.to_thread(files.write_many, (files.Write(path=self._policy, data=policy),))
