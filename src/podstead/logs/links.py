"""The links that log shippers follow: `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`. Everything here blocks.

Another agent's links may lie in the same directory. A link is ours when it leads to a log of one of our pods; anything
else is never changed, not even where it stands under a name that we want (foundation 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.logs.paths import pod_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from podstead.identity import PodUID

MODE = 0o755


class LogLinks:
    """The links of one instance, in memory as they lie in the directory."""

    def __init__(self, directory: Path, pod_logs: Path) -> None:
        self._directory = directory
        self._pod_logs = str(pod_logs)
        self._known: dict[str, dict[str, str]] = {}
        """Our links by pod uid and name, and where each leads."""

    def find(self, uids: Collection[PodUID | str]) -> None:
        """Learn which links of these pods are there already; done once, before any `settle`."""
        self._known = {}
        if not self._directory.is_dir():
            return
        for entry in self._directory.iterdir():
            target = _target(entry)
            uid = pod_of(target, self._pod_logs) if target else ""
            if uid in uids:
                self._known.setdefault(uid, {})[entry.name] = target

    def uids(self) -> frozenset[str]:
        """Return the pods that have links."""
        return frozenset(self._known)

    def settle(self, uid: PodUID | str, wanted: Mapping[str, str]) -> None:
        """Let a pod have these links and no other: name to log. Raises OSError when the directory cannot be changed."""
        known = self._known.get(uid, {})
        for name in [name for name, target in known.items() if wanted.get(name) != target]:
            entry = self._directory / name
            if _target(entry) == known[name]:
                entry.unlink()
            del known[name]
        for name, target in wanted.items():
            if name not in known and self._make(name, target):
                known[name] = target
                self._known[uid] = known
        if not known:
            self._known.pop(uid, None)

    def _make(self, name: str, target: str) -> bool:
        """Make a link; False where something else stands under its name."""
        entry = self._directory / name
        try:
            entry.symlink_to(target)
        except FileNotFoundError:
            self._directory.mkdir(mode=MODE, parents=True, exist_ok=True)
            entry.symlink_to(target)
        except FileExistsError:
            return _target(entry) == target
        return True


def _target(entry: Path) -> str:
    """Return where a link leads; empty for what is no link or not there."""
    try:
        return str(entry.readlink())
    except OSError:
        return ""
