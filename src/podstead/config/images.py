"""Where images come from, and how they are pulled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOCKER_CONFIG = Path("/root/.docker/config.json")
"""Where root's own `docker login` leaves credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One `registries:` entry of our configuration."""

    host: str
    mirrors: tuple[str, ...] = ()
    ca_file: str = ""
    skip_verify: bool = False
    plain_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """Pulling images."""

    registries: tuple[Registry, ...] = ()
    credentials_file: str = ""
    """A docker config.json; empty: ROOT/config.json, then `DOCKER_CONFIG`."""
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    parallel_pulls: int = 3
    """Pulls share one link: more at once finish later, not sooner."""
    backoff_seconds: float = 10.0
    max_backoff_seconds: float = 300.0
