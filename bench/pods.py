"""The pods that are run: one manifest, and the files by which a container tells that it runs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.images import BUSYBOX_IMAGE

POLL_SECONDS = 0.01
"""How often a file is looked for. The result does not depend on it: what counts is the file's own time."""
DEADLINE_SECONDS = 60.0
"""A pod of a burst of 100 waits for 99 others; nothing that is measured here takes a minute on any subject."""

OBEYS = 'trap "exit 0" TERM; : > "/out/$0.$REVISION"; while :; do sleep 3600 & wait; done'
IDLES = ': > "/out/$0.$REVISION"; exec sleep 3600'


class BenchError(Exception):
    """A measurement failed; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPod:
    """One pod: its container writes `out/NAME.REVISION` as its first act."""

    name: str
    out: Path
    revision: int = 1
    host_network: bool = True
    idle: bool = False
    """Just `sleep`, ended without grace; else a shell that ends when told so."""

    @property
    def mark(self) -> Path:
        """The file that the container writes first."""
        return self.out / f"{self.name}.{self.revision}"

    @property
    def command(self) -> tuple[str, ...]:
        """The container's command; the pod's name is its last word, so that its process can be found."""
        return ("sh", "-c", IDLES if self.idle else OBEYS, self.name)

    def edited(self) -> BenchPod:
        """Return the pod with another value of its environment variable."""
        return replace(self, revision=self.revision + 1)

    def manifest(self) -> str:
        """Return the manifest, as JSON, which every subject reads."""
        container = {
            "name": "main",
            "image": BUSYBOX_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": list(self.command),
            "env": [{"name": "REVISION", "value": str(self.revision)}],
            "volumeMounts": [{"name": "out", "mountPath": "/out"}],
        }
        spec = {
            "hostNetwork": self.host_network,
            "terminationGracePeriodSeconds": 0 if self.idle else 5,
            "containers": [container],
            "volumes": [{"name": "out", "hostPath": {"path": str(self.out), "type": "Directory"}}],
        }
        return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name}, "spec": spec})


def now() -> float:
    """Return the moment on the clock that files' times are taken from."""
    return time.time()  # noqa: TID251 - compared with times of files


async def marked(pod: BenchPod, since: float) -> float:
    """Wait until the container has written its file after `since`; return the seconds between.

    A file's time may lag the clock by a tick of the kernel (4 ms at 250 Hz); it does so for every subject.

    Raises:
        BenchError: it does not within `DEADLINE_SECONDS`.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        try:
            written = pod.mark.stat().st_mtime
        except FileNotFoundError:
            written = 0.0
        # A tick's tolerance: without it a quick restart within the tick of `since` would never be seen.
        if written > since - 0.004:
            return max(0.0, written - since)
        await asyncio.sleep(POLL_SECONDS)
    raise BenchError(f"pod {pod.name} did not start within {DEADLINE_SECONDS:g} s")


def first_process(pod: BenchPod) -> int:
    """Return the pid of the pod's container; raises BenchError when it does not run."""
    wanted = os.fsencode(pod.name)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        if words[:2] == [b"sh", b"-c"] and words[3:4] == [wanted]:
            return int(entry.name)
    raise BenchError(f"the container of pod {pod.name} does not run")
