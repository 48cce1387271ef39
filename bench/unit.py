"""A container that podman runs as a systemd unit would have it: the unit's own commands, without a systemd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.images import BUSYBOX_IMAGE

from bench.table import PODMAN

if TYPE_CHECKING:
    from bench.podman import Podman
    from bench.pods import BenchPod


class PodmanUnit:
    """Runs what `podman generate systemd --new` writes into ExecStart, ExecStop and ExecStopPost.

    systemd's own part is left out, in podman's favour: `daemon-reload` after the edit, and the unit's cgroup.
    """

    name = PODMAN

    def __init__(self, podman: Podman) -> None:
        self._podman = podman

    async def start(self, pod: BenchPod) -> None:
        """ExecStart; the policy of restarts is the unit's, so podman has none."""
        await self._podman.run("run", *self._options(pod), BUSYBOX_IMAGE, *pod.command)

    async def edit(self, pod: BenchPod) -> None:
        """`systemctl restart` of the changed unit: ExecStop, ExecStopPost, ExecStart."""
        await self.delete(pod)
        await self.start(pod)

    async def delete(self, pod: BenchPod) -> None:
        """ExecStop and ExecStopPost."""
        await self._podman.run("stop", "--ignore", "--time", "5", pod.name)
        await self._podman.run("rm", "--force", "--ignore", pod.name)

    def resident(self) -> tuple[int, ...]:
        """Return the pids of podman's monitors."""
        return self._podman.monitors()

    @staticmethod
    def _options(pod: BenchPod) -> tuple[str, ...]:
        return (
            *("--name", pod.name, "--replace", "--rm", "--detach", "--cgroups=no-conmon", "--network=host"),
            *(f"--volume={pod.out}:/out", f"--env=REVISION={pod.revision}"),
        )
