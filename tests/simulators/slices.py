"""systemd's slices as directories: what it makes, what it writes into the kernel's files, and what it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cgroups.slices import NO_LIMIT, slice_path

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.cgroups.slices import Property

CONTROLLERS = "cpu cpuset io memory pids"
US_PER_SECOND = 1_000_000


class SimulatedSlices:
    """Slices below a directory that stands for a v2 tree; `running` has every unit that was started and not ended."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        self.running: dict[str, dict[str, object]] = {}

    def ensure(self, unit: str, properties: tuple[Property, ...]) -> None:
        """Start a slice, or change one."""
        known = self.running.setdefault(unit, {})
        known.update({one.name: one.value for one in properties})
        directory = self.mount / slice_path(unit)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "cgroup.controllers").write_text(CONTROLLERS)
        for name, text in _files(known):
            (directory / name).write_text(text)

    def stop(self, unit: str) -> None:
        """End a slice and those in it."""
        self.running.pop(unit, None)
        directory = self.mount / slice_path(unit)
        for file in directory.iterdir() if directory.is_dir() else ():
            if file.is_file():
                file.unlink()


def _files(known: dict[str, object]) -> list[tuple[str, str]]:
    def limit(name: str) -> str:
        return "max" if known[name] == NO_LIMIT else str(known[name])

    found = [("cpu.weight", str(known["CPUWeight"]))] if "CPUWeight" in known else []
    if "MemoryMax" in known:
        found += [("memory.max", limit("MemoryMax")), ("pids.max", limit("TasksMax"))]
        quota, period = known["CPUQuotaPerSecUSec"], known["CPUQuotaPeriodUSec"]
        assert isinstance(quota, int)
        assert isinstance(period, int)
        found.append(("cpu.max", f"{'max' if quota == NO_LIMIT else quota * period // US_PER_SECOND} {period}"))
    return found
