"""The agent's own house: configuration, trust, state and sockets are root's alone, at the start and while it runs.

What others than root can write decides what this node runs, today or at the next start. At the start that is refused with
the command that mends it; while pods run it is shown, and nobody's pod ends for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.config.security import SignatureMode
from podstead.errors import OperatorError
from podstead.server.port import Problem
from podstead.sources.guarded import GuardFault, guard_faults, read_guarded
from podstead.state.audit import Act, AuditEntry
from podstead.systemd.units import AGENT_UNIT, OPTIONS_FILE, UNIT_DIRECTORIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.agent.object_loop import NodeRecorder
    from podstead.agent.ports import Auditor
    from podstead.clock import Clock
    from podstead.config.settings import Settings

log = logging.getLogger(__name__)

INSECURE = "InsecurePlace"
CHANGED = "ConfigurationChanged"
CHECK_SECONDS = 20.0
"""As often as the directory is looked at (kubelet: fileCheckFrequency)."""
MOST_BYTES = 1 << 20
"""Of a configuration file, for its digest. Ours has one KiB."""
ABSENT, UNREADABLE = "absent", "unreadable"


def check_own_house(settings: Settings) -> None:
    """Refuse to start where others than root could write what the agent trusts; raises OperatorError.

    With `--allow-insecure-manifests` it is said, and the agent starts.
    """
    for sentence in _insecure(settings):
        if not settings.security.allow_insecure:
            raise OperatorError(f"others than root could take over this node: {sentence}")
        log.warning("others than root could take over this node: %s", sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one look found: sentences of what others can write, and the digest of each file that configures the agent."""

    insecure: tuple[str, ...]
    configured: Mapping[Path, str]


class OwnHouse:
    """Looks now and then; `problems` are those of the last look."""

    def __init__(self, settings: Settings, recorder: NodeRecorder, auditor: Auditor, clock: Clock) -> None:
        self._settings = settings
        self._recorder = recorder
        self._auditor = auditor
        self._clock = clock
        self._first: Mapping[Path, str] | None = None
        self._told: frozenset[tuple[str, str]] = frozenset()
        self.problems: tuple[Problem, ...] = ()

    async def run(self) -> None:
        """Look for ever."""
        period = min(CHECK_SECONDS, self._settings.source.check_seconds if self._settings.source else CHECK_SECONDS)
        while True:
            await self.look()
            await self._clock.sleep(period)

    async def look(self) -> None:
        """Look once, and tell what was not there at the look before."""
        seen = await asyncio.to_thread(self._see)
        if self._first is None:
            self._first = seen.configured
        self.problems = (*map(_insecure_problem, seen.insecure), *_changes(self._first, seen.configured))
        now = frozenset((one.reason, one.message) for one in self.problems)
        for reason, message in sorted(now - self._told):
            self._recorder.node_event(reason, message, warning=True)
            act = Act.POSTURE if reason == INSECURE else Act.CONFIGURATION
            self._auditor.note(AuditEntry(act=act, subject="agent", reason=reason, message=message))
        self._told = now

    def _see(self) -> _Seen:
        configured = {path: _digest(path) for path in _configuration(self._settings)}
        for path in self._first or ():
            configured.setdefault(path, _digest(path))
        return _Seen(insecure=tuple(_insecure(self._settings)), configured=configured)


def _insecure(settings: Settings) -> Iterator[str]:
    said: set[str] = set()
    for path in _places(settings):
        try:
            faults = guard_faults(path)
        except OSError as error:
            faults = (f"cannot tell who may write {path}: {error.strerror}",)
        for fault in faults:
            if fault not in said:
                said.add(fault)
                yield fault


def _places(settings: Settings) -> Iterator[Path]:
    """Give what decides about this node. What is not there yet is judged by the directory that it would lie in."""
    paths, security = settings.paths, settings.security
    yield from _configuration(settings)
    if security.signature_mode is not SignatureMode.OFF:
        yield from (security.allowed_signers, security.revoked_keys)
    yield from (paths.root, paths.state, paths.run, paths.socket, paths.containerd, paths.containerd_run)
    if security.policy is not None:
        yield security.policy
    if settings.runtime.endpoint.startswith("unix://"):
        yield Path(settings.runtime.endpoint.removeprefix("unix://"))


def _configuration(settings: Settings) -> Iterator[Path]:
    """Give the files that configure this agent: its own, and those of its unit where it is a service."""
    yield from settings.files
    if _is_service():
        yield OPTIONS_FILE
        for directory in UNIT_DIRECTORIES:
            yield directory / AGENT_UNIT
            yield from sorted((directory / f"{AGENT_UNIT}.d").glob("*.conf"))


def _is_service() -> bool:
    try:
        return f"/{AGENT_UNIT}" in Path("/proc/self/cgroup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_guarded(path, MOST_BYTES, lenient=True)).hexdigest()
    except FileNotFoundError:
        return ABSENT
    except (OSError, GuardFault):
        return UNREADABLE


def _insecure_problem(sentence: str) -> Problem:
    return Problem(reason=INSECURE, message=f"others than root could take over this node: {sentence}", advice="")


def _changes(first: Mapping[Path, str], now: Mapping[Path, str]) -> Iterator[Problem]:
    for path, digest in sorted(now.items()):
        before = first.get(path, ABSENT)
        if digest != before:
            what = "is gone" if digest == ABSENT else "is new" if before == ABSENT else "has changed"
            text = f"{path} {what} since this agent started, which goes on with what it read then"
            yield Problem(reason=CHANGED, message=text, advice="look who did it; then restart the agent to take it")
