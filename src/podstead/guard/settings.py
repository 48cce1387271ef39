"""What the guard works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.config.security import SecuritySettings
from podstead.hints import Hints, guard_hints

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.policy.judge_file import RuleJudge
    from podstead.policy.values import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """One guard. `publish` None: it only watches over `source`, which is a kubelet's own directory, and tells.

    `policy` None: nothing is forbidden but what reaches for the guard itself. `take_over`: what lies in the published
    directory at the start may be anybody's.
    """

    source: Path
    publish: Path | None
    state: Path
    node: str
    security: SecuritySettings = field(default_factory=SecuritySettings)
    policy: Policy | None = None
    policy_path: Path | None = None
    rules: RuleJudge | None = None
    take_over: bool = False

    @property
    def hints(self) -> Hints:
        """The commands that reach this guard."""
        return guard_hints(str(self.state), signers=self.security.named_signers)
