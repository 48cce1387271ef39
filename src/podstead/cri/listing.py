"""The pods of any runtime, whoever made them: what an inspection asks, and all that it asks."""

from __future__ import annotations

from podstead.cri import methods
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.calls import Calls
from podstead.inspection.seen import SeenSandbox
from podstead.k8s import labels


class PodListing(Calls):
    """Lists; nothing of the runtime is changed."""

    async def pods(self) -> tuple[SeenSandbox, ...]:
        """Return every sandbox, with who says that it made it. Raises faults of `podstead.errors`."""
        reply = await self._call(methods.LIST_SANDBOXES, pb.ListPodSandboxRequest(), "list sandboxes")
        return tuple(
            SeenSandbox(
                id=sandbox.id,
                namespace=sandbox.metadata.namespace,
                name=sandbox.metadata.name,
                source=sandbox.annotations.get(labels.CONFIG_SOURCE, ""),
                ready=sandbox.state == pb.SANDBOX_READY,
                endpoint=self._endpoint,
            )
            for sandbox in reply.items
        )
