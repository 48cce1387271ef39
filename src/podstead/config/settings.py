"""All settings together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from podstead.config.images import ImageSettings
from podstead.config.node import CRITICAL_LAST, NodeSettings, ShutdownGroup
from podstead.config.paths import Paths, paths_for
from podstead.config.runtime import RestartSettings, RuntimeSettings
from podstead.config.security import SecuritySettings
from podstead.config.sources import SourceSettings, UrlSettings
from podstead.config.upkeep import UpkeepSettings
from podstead.hints import Hints, agent_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `podstead run` works with."""

    paths: Paths
    source: SourceSettings | None
    node: NodeSettings
    url: UrlSettings | None = None
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    images: ImageSettings = field(default_factory=ImageSettings)
    restart: RestartSettings = field(default_factory=RestartSettings)
    upkeep: UpkeepSettings = field(default_factory=UpkeepSettings)
    security: SecuritySettings = field(default_factory=SecuritySettings)
    shutdown: tuple[ShutdownGroup, ...] = CRITICAL_LAST
    graceful_shutdown: bool = True
    """Whether pods end in their order when the machine goes down; else they are killed with everything."""
    strict: bool = False
    verbosity: int = 2
    objects: SourceSettings | None = None
    """The objects directory: ConfigMaps and Secrets of this node."""
    files: tuple[Path, ...] = ()
    """The configuration files that were read: whoever may write them is root at the next start."""
    unused: tuple[str, ...] = ()
    """Kubelet flags and fields that were given and mean nothing here; said once at start."""

    @property
    def hints(self) -> Hints:
        """The commands that reach this agent."""
        usual, root, socket = paths_for(None), self.paths.root, self.paths.socket
        paths = usual if root == usual.root else paths_for(root)
        return agent_hints(
            root="" if paths is usual else str(root),
            socket="" if socket == paths.socket else str(socket),
            signers=self.security.named_signers,
        )
