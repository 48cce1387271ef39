"""Ends the agent's own process by SIGKILL at the N-th point before or after something durable or a runtime call.

Loaded only by `tests.support.run_agent`, in the agent's process. A point is passed before and after each write or
removal of state files, each database transaction, and each runtime call that changes something; calls that only look
are left out, because dying around them is dying after the point before.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from podstead.cri.transport import UnixSocketTransport
from podstead.store import files
from podstead.store.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANGING = frozenset(
    {
        "RunPodSandbox",
        "StopPodSandbox",
        "RemovePodSandbox",
        "CreateContainer",
        "StartContainer",
        "StopContainer",
        "RemoveContainer",
        "PullImage",
    }
)


class CrashPoints:
    """Counts points while the file `armed` exists, from its writing on, and dies at the one whose number it holds."""

    def __init__(self, armed: Path, passed: Path) -> None:
        self._armed = armed
        self._passed = passed
        self._written = 0
        self._count = 0
        self._lock = threading.Lock()

    def reach(self, what: str) -> None:
        """Pass a point; its name is on disk before the process dies."""
        with self._lock:
            try:
                written = self._armed.stat().st_mtime_ns
                die_at = int(self._armed.read_text(encoding="ascii"))
            except FileNotFoundError:
                return
            if written != self._written:
                self._written, self._count = written, 0
            self._count += 1
            with self._passed.open("a", encoding="utf-8") as file:
                file.write(f"{self._count} {what}\n")
            if self._count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        """Return the function with a point before and one after."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            what = name(*args, **kwargs)
            self.reach(f"before {what}")
            result = function(*args, **kwargs)
            self.reach(f"after {what}")
            return result

        return wrapped

    def install(self) -> None:
        """Put points into the stores and the runtime's transport."""
        files.write_many = self.around(files.write_many, lambda batch, *_, **__: f"write {batch[0].path.name}")
        files.remove = self.around(files.remove, lambda *paths: f"remove {paths[0].name if paths else 'nothing'}")
        Connection.execute = self.around(Connection.execute, lambda *_: "transaction")  # type: ignore[method-assign]  # the seam
        call = UnixSocketTransport.unary

        async def unary(transport: UnixSocketTransport, method: Any, request: Any, deadline_seconds: Any) -> Any:
            if method.name not in CHANGING:
                return await call(transport, method, request, deadline_seconds)
            self.reach(f"before {method.name}")
            reply = await call(transport, method, request, deadline_seconds)
            self.reach(f"after {method.name}")
            return reply

        UnixSocketTransport.unary = unary  # type: ignore[method-assign, assignment]  # the seam
