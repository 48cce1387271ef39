"""The runtime port's implementation: CRI v1 over a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from podstead.cri import methods, observe
from podstead.cri._pb import cri_pb2 as pb
from podstead.cri.calls import VERSION_SENT
from podstead.cri.containers import ContainerCalls
from podstead.cri.images import ImageCalls
from podstead.cri.sandboxes import SandboxCalls
from podstead.cri.transport import Transport, UnixSocketTransport
from podstead.errors import UnimplementedFault

if TYPE_CHECKING:
    from podstead.cri.node import NodeFacts
    from podstead.state.runtime import RuntimeInfo


class CRIClient(SandboxCalls, ContainerCalls, ImageCalls):
    """One container runtime. Every method raises faults of `podstead.errors`; a transient one says: try again later.

    Safe for any number of concurrent calls; after the runtime's restart the next call connects again.
    """

    @property
    def transport(self) -> Transport:
        """The connection, for `events.exit_source`."""
        return self._transport

    async def __aenter__(self) -> Self:
        """Return itself; the connection is dropped at the end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def version(self) -> RuntimeInfo:
        """Return names and versions only: whether it is ready is not asked."""
        return observe.runtime_info(await self._version(), pb.StatusResponse(), self._endpoint)

    async def info(self) -> RuntimeInfo:
        """Return names, versions, whether the runtime and its network are ready, and what it can."""
        version = await self._version()
        reply = await self._call(methods.STATUS, pb.StatusRequest(), "ask the runtime for its status")
        return observe.runtime_info(version, reply, self._endpoint)

    async def _version(self) -> pb.VersionResponse:
        request = pb.VersionRequest(version=VERSION_SENT)
        return await self._call(methods.VERSION, request, "ask the runtime for its version")

    async def runtime_config(self) -> str | None:
        """Return the runtime's cgroup driver, `systemd` or `cgroupfs`; None where it cannot tell (containerd < 2.0)."""
        try:
            reply = await self._call(
                methods.RUNTIME_CONFIG, pb.RuntimeConfigRequest(), "ask the runtime for its cgroup driver"
            )
        except UnimplementedFault:
            return None
        if not reply.HasField("linux"):
            return None
        return "cgroupfs" if reply.linux.cgroup_driver == pb.CGROUPFS else "systemd"

    async def cgroup_driver(self) -> str | None:
        """Return the runtime's cgroup driver as `runtime_config`; an older containerd's is read from its status."""
        if (told := await self.runtime_config()) is not None:
            return told
        request = pb.StatusRequest(verbose=True)
        reply = await self._call(methods.STATUS, request, "ask the runtime for its configuration")
        return observe.cgroup_driver_of(reply.info)


def connect(endpoint: str, *, request_seconds: float = 120.0, node: NodeFacts | None = None) -> CRIClient:
    """Return a client of the runtime at `unix:///path`; nothing is sent yet. Must be called inside an event loop.

    Raises OperatorError when the endpoint is not a unix socket's.
    """
    transport = UnixSocketTransport(endpoint)
    return CRIClient(transport, endpoint=endpoint, request_seconds=request_seconds, node=node)
