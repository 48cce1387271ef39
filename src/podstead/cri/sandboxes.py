"""Calls about sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri import convert, methods, observe
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.removal import Removal
from podstead.identity import SandboxID
from podstead.k8s import labels
from podstead.state.runtime import SANDBOX_DEADLINES

if TYPE_CHECKING:
    from podstead.identity import PodUID
    from podstead.state.observed import ObservedSandbox
    from podstead.state.runtime import SandboxRequest


def selector(uid: PodUID | None, instance: str | None) -> dict[str, str]:
    """Return the labels that choose a pod's objects, an instance's, or all."""
    chosen = {labels.POD_UID: uid, labels.INSTANCE: instance}
    return {key: value for key, value in chosen.items() if value is not None}


class SandboxCalls(Removal):
    """Sandboxes: list, look, run, stop, remove."""

    async def sandboxes(self, uid: PodUID | None = None, instance: str | None = None) -> list[ObservedSandbox]:
        """Return sandboxes without addresses: of a pod, of an instance, or all of this runtime."""
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=selector(uid, instance)))
        reply = await self._call(methods.LIST_SANDBOXES, request, "list sandboxes")
        return [observe.observed_sandbox(s) for s in reply.items]

    async def sandbox_status(self, sandbox: SandboxID) -> ObservedSandbox:
        """Return a sandbox with its addresses.

        Raises NotFoundFault when the runtime has none of this id.
        """
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox)
        reply = await self._call(methods.SANDBOX_STATUS, request, f"look at sandbox {sandbox}")
        return observe.observed_sandbox_status(reply.status)

    async def run_sandbox(self, request: SandboxRequest) -> SandboxID:
        """Create and start a sandbox; not idempotent (foundation 16).

        After a DeadlineFault, a transient fault or a NameReservedFault it may exist: list by uid and adopt it.
        """
        message = pb.RunPodSandboxRequest(
            config=convert.sandbox_config(request), runtime_handler=request.runtime_handler
        )
        action = f"create a sandbox for pod {request.key}"
        reply = await self._call(methods.RUN_SANDBOX, message, action, SANDBOX_DEADLINES * self._request_seconds)
        return SandboxID(reply.pod_sandbox_id)

    async def stop_sandbox(self, sandbox: SandboxID) -> None:
        """Kill what runs in a sandbox and give its addresses back.

        Raises NotFoundFault for an unknown id with containerd 1.6; newer ones succeed.
        """
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox)
        await self._call(methods.STOP_SANDBOX, request, f"stop sandbox {sandbox}")

    async def remove_sandbox(self, sandbox: SandboxID) -> None:
        """Remove a sandbox and its containers' records, by force; an unknown id is no error."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox)
        await self._remove(methods.REMOVE_SANDBOX, request, f"remove sandbox {sandbox}")
