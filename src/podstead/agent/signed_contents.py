"""What signatures say of contents that no look at a directory brings: a policy, a profile, a file of the node, root's writing."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.signing.provenance import POLICY
from podstead.trust.contents import Content, Kind, listed
from podstead.trust.evidence import examine

if TYPE_CHECKING:
    from podstead.agent.signatures import Signatures
    from podstead.signing.index import Index


class SignedContents:
    """Asks about one content at a time. Nothing is held against any where signatures are not enforced."""

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures

    async def judge_policy(self, data: bytes, signature: bytes | None) -> str:
        """Return why a policy file may not come into force, with what to do; empty: it may.

        In enforce it stands in the index, or somebody has signed it for `podstead.io/policy`.
        """
        await self._signatures.know()
        content = Content(
            kind=Kind.POLICY,
            name="policy",
            digest=sha256(data).hexdigest(),
            size=len(data),
            signature="" if signature is None else sha256(signature).hexdigest(),
            namespace=POLICY,
        )
        evidence = {}
        if signature is not None:
            evidence[content.pair] = await asyncio.to_thread(examine, data, signature, content.namespace, ())
        found = self._signatures.ruling(content, evidence)
        if not self._enforced or found.provenance is not None or found.objection is None:
            return ""
        return found.objection.sentence(self._signatures.keeper.hints)

    def listed_policy(self) -> str:
        """Return the SHA-256 of the only policy that may come into force: the index lists it; empty: it lists none."""
        index = self._index
        return "" if index is None or index.policy is None else index.policy.sha256

    def placing_fault(self, name: str, data: bytes | None) -> str:
        """Return why the agent may not put this content under this name for root, or remove it (None); empty: it may.

        What it would refuse a moment later it does not write, and what its absence would not remove it does not remove.
        """
        if not self._enforced:
            return ""
        if data is None:
            index = self._index
            there = index is not None and name in index.files
            return f"the signed index lists {name}: sign an index without it, and remove the file" if there else ""
        content = Content(kind=Kind.MANIFEST, name=name, digest=sha256(data).hexdigest(), size=len(data))
        found = self._signatures.ruling(content, {})
        if found.objection is None:
            return ""
        return f"{name}: {found.objection.message}; sign it where the key is, and deliver it from there"

    def profile_fault(self, name: str, data: bytes) -> str:
        """Return why a Localhost profile is not the one that the index in force lists; empty: it is, or nobody goes by one."""
        return self._unlisted(Kind.PROFILE, name, sha256(data).hexdigest())

    def host_file_fault(self, path: str, digest: str) -> str:
        """Return why a file of the node is not what the index in force lists. `digest` is the beginning of its SHA-256."""
        return self._unlisted(Kind.HOST_FILE, path, digest)

    def _unlisted(self, kind: Kind, name: str, digest: str) -> str:
        """Compare with the index alone: what it lists may be read on after its end, as what goes with it runs on."""
        index = self._index
        if index is None:
            return ""
        entry = listed(index, kind).get(name)
        if entry is None:
            return f"the index of version {index.version} does not list this {kind}"
        same = bool(digest) and entry.sha256.startswith(digest)
        return "" if same else f"the index of version {index.version} lists another content of this {kind}"

    @property
    def _enforced(self) -> bool:
        return self._signatures.mode is SignatureMode.ENFORCE

    @property
    def _index(self) -> Index | None:
        """The index that the node goes by; None where none is in force, or nothing has to stand in one."""
        standing = self._signatures.standing
        return standing.index if self._enforced and standing.due else None
