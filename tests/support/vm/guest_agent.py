"""Speaks with qemu's guest agent over the machine's virtio port: commands and files, without a network.

Protocol: https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html. The host's end of the port outlives the guest's
reboots; `sync` finds the beginning of an answer again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS = 60.0
"""One call; the calls that we make answer at once. An emulated guest under load takes seconds."""
SYNC_SECONDS = 2.0
CHUNK_BYTES = 1 << 20
ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
"""As a login of root's has it."""
_POLL_SECONDS = 0.1


class GuestAgentError(Exception):
    """The agent refused a call, or the guest does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command that ended in the guest."""

    rc: int
    """The exit code; 128 and the signal, as shells count, when it was killed."""
    stdout: str
    stderr: str


class GuestAgent:
    """One connection. Methods raise `GuestAgentError` when the guest does not answer in time."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(str(path))
        self._buffer = b""

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def wait(self, seconds: float) -> None:
        """Wait until the guest answers."""
        deadline = time.monotonic() + seconds
        while not self.sync():
            if time.monotonic() > deadline:
                raise GuestAgentError(f"the guest's agent does not answer within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def sync(self) -> bool:
        """Drop what is left of earlier calls; return True if the guest answers."""
        token = secrets.randbits(31)
        deadline = time.monotonic() + SYNC_SECONDS
        try:
            self._send("guest-sync-delimited", {"id": token})
            while time.monotonic() < deadline:
                # The answer is set off by a byte that is no JSON.
                line = self._line(deadline).rpartition(b"\xff")[2]
                with contextlib.suppress(ValueError):
                    if json.loads(line) == {"return": token}:
                        return True
        except TimeoutError:
            self._buffer = b""
        except OSError as error:
            raise GuestAgentError(f"the machine has ended: {error}") from error
        return False

    def run(self, command: str, seconds: float) -> Done:
        """Run a shell command and wait for its end; it is killed after its time.

        A child that keeps its output open keeps the call, as with any pipe: give a daemon a file.

        Raises:
            GuestAgentError: it took longer, or the guest does not answer.
        """
        # timeout(1) ends the command in the guest itself, so that nothing of it goes on behind a test that failed.
        process = self._exec("timeout", "-k", "10", str(max(1, int(seconds))), "/bin/sh", "-c", command)
        deadline = time.monotonic() + seconds + ANSWER_SECONDS
        pause = _POLL_SECONDS / 4
        while True:
            status = self._call("guest-exec-status", {"pid": process})
            if status["exited"]:
                break
            if time.monotonic() > deadline:
                raise GuestAgentError(f"{command!r} takes longer than {seconds:.0f} s, or left its output open")
            time.sleep(pause)
            pause = min(pause * 2, _POLL_SECONDS * 5)
        done = Done(
            rc=status["exitcode"] if "exitcode" in status else 128 + status["signal"],
            stdout=_text(status.get("out-data", "")),
            stderr=_text(status.get("err-data", "")),
        )
        if done.rc == 124:
            raise GuestAgentError(f"{command!r} took longer than {seconds:.0f} s:\n{done.stdout}{done.stderr}")
        return done

    def begin(self, command: str) -> None:
        """Run a shell command that may end the agent before it has ended itself."""
        self._exec("/bin/sh", "-c", command)

    def put(self, path: str, content: bytes) -> None:
        """Write a file of the guest, its directory being there."""
        handle = self._call("guest-file-open", {"path": path, "mode": "wb"})
        try:
            for start in range(0, len(content), CHUNK_BYTES):
                chunk = base64.b64encode(content[start : start + CHUNK_BYTES]).decode()
                self._call("guest-file-write", {"handle": handle, "buf-b64": chunk})
        finally:
            self._call("guest-file-close", {"handle": handle})

    def get(self, path: str) -> bytes:
        """Read a file of the guest."""
        handle = self._call("guest-file-open", {"path": path, "mode": "rb"})
        parts = []
        try:
            while True:
                got = self._call("guest-file-read", {"handle": handle, "count": CHUNK_BYTES})
                parts.append(base64.b64decode(got["buf-b64"]))
                if got["eof"]:
                    return b"".join(parts)
        finally:
            self._call("guest-file-close", {"handle": handle})

    def _exec(self, *words: str) -> int:
        arguments = {"path": "/usr/bin/env", "arg": ["-i", *ENVIRONMENT, *words], "capture-output": True}
        process: int = self._call("guest-exec", arguments)["pid"]
        return process

    def _call(self, name: str, arguments: dict[str, object]) -> Any:
        try:
            self._send(name, arguments)
            answer = json.loads(self._line(time.monotonic() + ANSWER_SECONDS))
        except TimeoutError as error:
            raise GuestAgentError(f"the guest does not answer {name} within {ANSWER_SECONDS:.0f} s") from error
        except (OSError, ValueError) as error:
            raise GuestAgentError(f"the guest's answer to {name} is lost: {error}") from error
        if "error" in answer:
            raise GuestAgentError(f"the guest refuses {name}: {answer['error'].get('desc')}")
        return answer["return"]

    def _send(self, name: str, arguments: dict[str, object]) -> None:
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionError("the machine hung up")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", errors="replace")
