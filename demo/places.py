"""Where everything of the demo lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podstead.config.paths import DEFAULT_ROOT, paths_for

SOURCES = Path(__file__).parent / "mysql"
MANIFEST = SOURCES / "static-mysql.yaml"
CONFIGURATION = SOURCES / "mysqld.cnf"
ENTRYPOINT = SOURCES / "entrypoint"
ARTICLE_DATA = "/opt/mysql"
"""The directory that the article's manifest mounts from."""
SHARED_CACHE = Path("/var/cache/podstead-demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The directories of one demo; made by `places_for`."""

    root: Path | None
    """The agent's root directory; None: the system's usual places."""
    manifests: Path
    mysql: Path
    """Holds `conf` and `data`, which the pod mounts."""
    log: Path
    """The agent's log."""
    cache: Path
    """Built images, kept from run to run."""

    @property
    def socket(self) -> Path:
        """The agent's socket."""
        return paths_for(self.root).socket

    @property
    def state(self) -> Path:
        """The agent's root directory, wherever it is."""
        return self.root or DEFAULT_ROOT

    @property
    def pod_logs(self) -> Path:
        """What containers print."""
        return paths_for(self.root).pod_logs

    @property
    def record(self) -> Path:
        """The list of what the demo made."""
        return self.mysql / ".podstead-demo"

    @property
    def manifest(self) -> Path:
        """The article's manifest, where the agent reads it."""
        return self.manifests / MANIFEST.name

    @property
    def configuration(self) -> Path:
        """The article's configuration, where the pod mounts it."""
        return self.mysql / "conf" / CONFIGURATION.name

    @property
    def data(self) -> Path:
        """The database."""
        return self.mysql / "data"

    def manifest_text(self) -> str:
        """Return the manifest: the article's, with its host paths moved where this demo is not in the usual places."""
        text = MANIFEST.read_text(encoding="utf-8")
        if str(self.mysql) == ARTICLE_DATA:
            return text
        return text.replace(f"path: {ARTICLE_DATA}/", f"path: {self.mysql}/")


def places_for(under: Path | None) -> Places:
    """Return the article's places, or with a directory given everything below it but the cache."""
    if under is None:
        return Places(
            root=None,
            manifests=Path("/etc/podstead/manifests"),
            mysql=Path(ARTICLE_DATA),
            log=Path("/var/log/podstead/agent.log"),
            cache=SHARED_CACHE,
        )
    return Places(
        root=under / "r",
        manifests=under / "manifests",
        mysql=under / "mysql",
        log=under / "agent.log",
        cache=SHARED_CACHE,
    )
