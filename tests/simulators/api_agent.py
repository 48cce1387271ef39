"""An agent behind the port, with answers that a test sets."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from podstead.clock import Instant
from podstead.errors import NotFoundFault, OperatorError
from podstead.server.port import (
    ExecRequest,
    FileReport,
    ImageReport,
    LocalObjectReport,
    LogRequest,
    NodeStatusReport,
    Problem,
    Progress,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

NOW = 1_790_000_000.0


class FixedClock:
    """Always the same moment; sleeping is not for handlers."""

    def now(self) -> Instant:
        return Instant(boot_id="boot", boot=1000.0, wall=NOW)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a handler slept {seconds} s")


class SimulatedAgent:
    """Keeps what it was asked; images and logs are plain values."""

    def __init__(self) -> None:
        self.reports: list[FileReport] = []
        self.objects: list[LocalObjectReport] = []
        self.objects_directory = ""
        self.root = ""
        self.problems: tuple[Problem, ...] = ()
        self.ready = True
        self.held: dict[str, ImageReport] = {}
        self.logs: list[bytes] = []
        self.log_error: OperatorError | None = None
        self.log_closed = False
        self.log_requests: list[LogRequest] = []
        self.exec_requests: list[ExecRequest] = []
        self.exec_url = "http://127.0.0.1:1/exec/none"
        self.accepted = 0

    def files(self) -> Sequence[FileReport]:
        return self.reports

    def local_objects(self) -> Sequence[LocalObjectReport]:
        return self.objects

    def status(self) -> NodeStatusReport:
        return NodeStatusReport(
            node="node1",
            version="0.1.0",
            instance="1a2b3c4d",
            root=self.root,
            directory="/etc/manifests",
            objects=self.objects_directory,
            ready=self.ready,
            shutdown="logind waits until pods have ended in their order, 60 s at most",
            problems=self.problems,
        )

    async def open_log(self, request: LogRequest) -> AsyncGenerator[bytes]:
        self.log_requests.append(request)
        if self.log_error is not None:
            raise self.log_error
        return self._log()

    async def _log(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self.logs:
                yield piece
        finally:
            self.log_closed = True

    async def exec_stream_url(self, request: ExecRequest) -> str:
        self.exec_requests.append(request)
        return self.exec_url

    async def images(self) -> Sequence[ImageReport]:
        return list(self.held.values())

    async def pull_image(self, image: str) -> AsyncGenerator[Progress]:
        yield Progress(message=f"asking for {image}")
        if "missing" in image:
            raise NotFoundFault(f"cannot pull image {image!r}: registry.example does not know it")
        yield Progress(message="downloading", current=5, total=10)
        self.held[image] = ImageReport(id="sha256:0123456789abcdef", tags=(image,), size=4_400_000)

    async def import_image(self, path: str) -> AsyncGenerator[Progress]:
        yield Progress(message=f"reading {path}")
        if "full" in path:
            raise OSError(errno.ENOSPC, "No space left on device", "/r/containerd/certs.d")

    async def remove_image(self, name: str) -> Sequence[str]:
        if name not in self.held:
            raise NotFoundFault(f"image {name!r} is not on this node")
        del self.held[name]
        return (name,)

    async def stop_all(self) -> AsyncGenerator[Progress]:
        yield Progress(message="stopping default/mysql-node1")

    async def accept_directory(self) -> str:
        self.accepted += 1
        return "2 pods will go"
