"""Root's part of an agent behind the port: it keeps what it was asked and answers what a test sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.errors import NotFoundFault
from podstead.server.operations import Application, AppliedPod, Deletion, PodReport, RevisionReport

if TYPE_CHECKING:
    from podstead.identity import PodKey


class SimulatedOperations:
    """`reports` are its pods by full name; `manifests` the bytes of revisions."""

    def __init__(self) -> None:
        self.reports: dict[str, PodReport] = {}
        self.kept: tuple[RevisionReport, ...] = ()
        self.manifests: dict[str, bytes] = {}
        self.asked: list[tuple[str, ...]] = []
        self.application = Application(
            pods=(
                AppliedPod(namespace="default", name="web-node1", revision="r2", file="web.yaml", outcome="configured"),
            )
        )
        self.applied: list[tuple[bytes, bool]] = []

    def pod(self, key: PodKey) -> PodReport:
        if str(key) not in self.reports:
            raise NotFoundFault(f'pods "{key.name}" not found')
        return self.reports[str(key)]

    async def revisions(self, key: PodKey) -> tuple[RevisionReport, ...]:
        self.pod(key)
        return self.kept

    async def manifest(self, key: PodKey, revision: str) -> bytes:
        if revision not in self.manifests:
            raise NotFoundFault(f"pod {key} has no revision {revision}")
        return self.manifests[revision]

    async def roll_back(self, key: PodKey, revision: str) -> str:
        return self._note("rollback", str(key), revision)

    async def restart(self, key: PodKey, container: str) -> str:
        return self._note("restart", str(key), container)

    async def stop(self, key: PodKey) -> str:
        return self._note("stop", str(key))

    async def start(self, key: PodKey) -> str:
        return self._note("start", str(key))

    async def apply(self, data: bytes, *, dry_run: bool) -> Application:
        self.applied.append((data, dry_run))
        return self.application

    async def delete(self, key: PodKey) -> Deletion:
        self.pod(key)
        self._note("delete", str(key))
        return Deletion(namespace=key.namespace, name=key.name, uid="u1", file="/m/web.yaml", removed=True)

    def _note(self, *words: str) -> str:
        self.asked.append(words)
        return " ".join(words)
