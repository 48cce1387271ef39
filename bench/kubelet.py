"""A kubelet in standalone mode, from a binary that was given, on a containerd of its own.

Asked as Podstead is: through a directory of manifests. No kubelet came with the machine this was written on; the
settings follow its documentation and spec (standalone needs a server switched off or its authorisation relaxed).
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

from bench.agent import remove_cgroup, remove_pods, tail
from bench.pods import BenchError
from bench.subjects import ManifestSubject
from podstead.config.images import ImageSettings
from podstead.config.paths import paths_for
from podstead.containerd.private import ContainerdSettings, PrivateContainerd
from podstead.cri.client import connect
from podstead.network.conflist import pod_network, write_conflist

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from podstead.cri.client import CRIClient

HEALTH_PORT = 10248
HEALTHY_SECONDS = 60.0
CGROUP_ROOT = "/bench-kubelet"
POD_CIDR = "10.93.7.0/24"


@contextlib.asynccontextmanager
async def running_kubelet(
    binary: Path, root: Path, oci_runtime: str, image: Path, mounts_of: int | None
) -> AsyncIterator[ManifestSubject]:
    """Run a kubelet and a containerd for it; at the end both and their pods are gone. Raises BenchError."""
    manifests = root / "manifests"
    manifests.mkdir(parents=True)
    private = PrivateContainerd(
        ContainerdSettings(
            paths=paths_for(root / "node"), images=ImageSettings(), cgroup_parent=CGROUP_ROOT, oci_runtime=oci_runtime
        )
    )
    write_conflist(pod_network("benchkub", POD_CIDR, root / "node" / "network"), private.cni_conf)
    running = await private.ensure_running()
    try:
        async with connect(running.endpoint) as client:
            await private.wait_ready(client.version)
            await private.ensure_sandbox_image(present=_present(client), pull=client.pull_image)
            await private.importer.import_image(image, pull=client.pull_image)
            with _process(binary, root, manifests, running.endpoint, mounts_of) as log:
                await _healthy(log)
                yield ManifestSubject("kubelet", manifests, client)
    finally:
        await asyncio.to_thread(_end, private)


def settings(root: Path, manifests: Path, endpoint: str) -> dict[str, object]:
    """Return the KubeletConfiguration of a standalone kubelet that touches nothing but `root`."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "staticPodPath": str(manifests),
        "containerRuntimeEndpoint": endpoint,
        "podLogsDir": str(root / "logs"),
        "enableServer": False,
        "healthzPort": HEALTH_PORT,
        "authentication": {"webhook": {"enabled": False}, "anonymous": {"enabled": True}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "failCgroupV1": False,
        "maxPods": 200,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        "resolvConf": "",
    }


@contextlib.contextmanager
def _process(binary: Path, root: Path, manifests: Path, endpoint: str, mounts_of: int | None) -> Iterator[Path]:
    config = root / "kubelet.json"
    config.write_text(json.dumps(settings(root, manifests, endpoint)), encoding="utf-8")
    (root / "logs").mkdir()
    enter = () if mounts_of is None else ("nsenter", f"--mount=/proc/{mounts_of}/ns/mnt")
    command = (
        *(*enter, str(binary), f"--config={config}", f"--root-dir={root / 'state'}"),
        *(f"--cert-dir={root / 'pki'}", "--hostname-override=bench", "--v=1"),
    )
    log = root / "kubelet.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for point in _mounts_below(root):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True, timeout=30)


def _mounts_below(root: Path) -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123 - a stream
        points = [line.split()[4] for line in lines]
    return sorted((point for point in points if point.startswith(f"{root / 'state'}{os.sep}")), reverse=True)


async def _healthy(log: Path) -> None:
    end = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < end:
        if await asyncio.to_thread(_is_healthy):
            return
        await asyncio.sleep(0.2)
    raise BenchError(f"the kubelet is not healthy: {tail(log)}")


def _is_healthy() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", HEALTH_PORT, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _present(client: CRIClient) -> Callable[[str], Awaitable[bool]]:
    async def present(name: str) -> bool:
        return await client.image(name) is not None

    return present


def _end(private: PrivateContainerd) -> None:
    asyncio.run(remove_pods(private.socket))
    asyncio.run(private.stop())
    remove_cgroup(CGROUP_ROOT)
