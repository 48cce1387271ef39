"""Sandboxes as a test sees them that looks behind the agent's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cri import methods, observe
from podstead.cri._pb import cri_pb2 as pb

if TYPE_CHECKING:
    from podstead.cri.client import CRIClient
    from podstead.identity import SandboxID


async def sandbox_pid(client: CRIClient, sandbox: SandboxID) -> int:
    """Return the process id of a sandbox's own process, 0 where the runtime does not tell."""
    request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox, verbose=True)
    reply = await client._call(methods.SANDBOX_STATUS, request, f"look at sandbox {sandbox}")
    return observe.pid_of(reply.info)
