"""`docker compose`: the same pod as a project on a dockerd of the benchmark's own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tarfile
import time
from typing import IO, TYPE_CHECKING, Any

from tests.support.images import BUSYBOX_IMAGE

from bench.command import run_command
from bench.dockerd import CLI, COMPOSE, RESIDENT, environment, running_dockerd, unpacked_docker
from bench.pods import BenchError, BenchPod
from bench.table import DOCKER
from bench.usage import processes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START_SECONDS = 30.0


class Compose:
    """One project for each pod; dockerd, its containerd and the shims stay."""

    name = DOCKER

    def __init__(self, root: Path, programs: Path) -> None:
        self._root = root
        self._programs = programs

    async def start(self, pod: BenchPod) -> None:
        """Write the project and `docker compose up --detach`."""
        self._file(pod).write_text(project(pod), encoding="utf-8")
        await self._compose(pod, "up", "--detach")

    async def edit(self, pod: BenchPod) -> None:
        """The same again, as one does: compose finds what has changed and makes a new container."""
        await self.start(pod)

    async def delete(self, pod: BenchPod) -> None:
        """`docker compose down`."""
        await self._compose(pod, "down")

    def resident(self) -> tuple[int, ...]:
        """Return the pids of dockerd, its containerd, the shims and, where a port is published, its proxies."""
        return processes_of(self._root, RESIDENT)

    async def load(self, archive: Path) -> None:
        """`docker load`."""
        await self._run(CLI, "load", "--input", str(archive), asked="docker load")

    async def answers(self) -> bool:
        """Return whether dockerd does."""
        with contextlib.suppress(BenchError):
            await self._run(CLI, "version", asked="docker version")
            return True
        return False

    def _file(self, pod: BenchPod) -> Path:
        return self._root / f"{pod.name}.yaml"

    async def _compose(self, pod: BenchPod, *arguments: str) -> None:
        of_pod = ("--project-name", pod.name, "--file", str(self._file(pod)))
        await self._run(COMPOSE, *of_pod, *arguments, asked=f"docker compose {arguments[0]}")

    async def _run(self, program: str, *arguments: str, asked: str) -> None:
        await run_command(str(self._programs / program), *arguments, env=environment(self._root), asked=asked)


@contextlib.asynccontextmanager
async def ready_compose(root: Path, image: Path, mounts_of: int | None) -> AsyncIterator[Compose]:
    """Run a dockerd that holds the image; afterwards its processes, mounts and files are gone.

    `mounts_of` is a process whose mounts it is to have. Raises BenchError when it does not work here.
    """
    programs = await asyncio.to_thread(unpacked_docker)
    compose = Compose(root, programs)
    with running_dockerd(root, programs, mounts_of) as failure:
        end = time.monotonic() + START_SECONDS
        while not await compose.answers():
            if (why := failure()) is not None or time.monotonic() > end:
                raise BenchError(f"dockerd does not answer: {why or 'it was given time'}")
            await asyncio.sleep(0.2)
        archive = root / "image.tar"
        write_docker_archive(image, archive)
        await compose.load(archive)
        trial = BenchPod(name="docker-trial", out=root)
        await compose.start(trial)
        await compose.delete(trial)
        yield compose


def project(pod: BenchPod) -> str:
    """Return the compose file of a pod, as JSON, which is YAML."""
    service = {
        "image": BUSYBOX_IMAGE,
        # A dollar sign is compose's own; two of them are one of the shell's.
        "command": [word.replace("$", "$$") for word in pod.command],
        "environment": {"REVISION": str(pod.revision)},
        "network_mode": "host",
        "restart": "always",
        "stop_grace_period": "5s",
        "volumes": [f"{pod.out}:/out"],
    }
    return json.dumps({"services": {"main": service}})


def write_docker_archive(image: Path, target: Path) -> None:
    """Write an OCI archive of one image again, with the list beside the blobs that `docker load` goes by."""
    with tarfile.open(image) as source, tarfile.open(target, "w") as out:

        def read(name: str) -> Any:
            return json.load(_open(source, name))

        index = read("index.json")["manifests"][0]
        manifest = read(_blob(index))
        listed = {
            "Config": _blob(manifest["config"]),
            "RepoTags": [index["annotations"]["io.containerd.image.name"]],
            "Layers": [_blob(layer) for layer in manifest["layers"]],
        }
        for entry in source.getmembers():
            out.addfile(entry, _open(source, entry.name))
        data = json.dumps([listed]).encode()
        added = tarfile.TarInfo("manifest.json")
        added.size = len(data)
        out.addfile(added, io.BytesIO(data))


def _open(source: tarfile.TarFile, name: str) -> IO[bytes]:
    found = source.extractfile(name)
    if found is None:
        raise BenchError(f"{name} of the image is no file")
    return found


def _blob(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"
