"""Writes containerd's registry configuration: one certs.d/HOST/hosts.toml a registry, read anew at every pull.

Proxies are no part of it: they are environment variables of the containerd process (`proxy_environment`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from typing import TYPE_CHECKING

from podstead import whole_files
from podstead.config.images import Registry
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from podstead.config.images import ImageSettings

_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$")
_CAPABILITIES = '["pull", "resolve"]'


def check_host(host: str) -> str:
    """Return the host of a `registries:` entry as it is.

    Raises:
        OperatorError: it is not `name` or `name:port`, so it could not be a directory of certs.d.
    """
    if not _HOST.match(host):
        raise OperatorError(f"cannot configure the registry {host!r}: write its host name, with :PORT where it has one")
    return host


def default_server(registry: Registry) -> str:
    """Return the URL of the registry itself; Docker Hub's API does not live at its name."""
    if registry.host == "docker.io":
        return "https://registry-1.docker.io"
    return f"{'http' if registry.plain_http else 'https'}://{registry.host}"


def _quote(value: str) -> str:
    return json.dumps(value)


def _tls_lines(registry: Registry) -> str:
    lines = ""
    if registry.ca_file:
        lines += f"ca = {_quote(registry.ca_file)}\n"
    if registry.skip_verify:
        lines += "skip_verify = true\n"
    return lines


def _host_table(url: str, extra: str) -> str:
    return f"\n[host.{_quote(url)}]\ncapabilities = {_CAPABILITIES}\n{extra}"


def render_hosts(registry: Registry, *, import_url: str = "") -> str:
    """Return the text of hosts.toml: the mirrors in order, then the registry itself.

    A mirror without a scheme gets https, or http with `plain_http`; CA and `skip_verify` hold for all of them.
    `import_url` is a running import's own server, asked before all others (see `import_server`).
    """
    tls, server = _tls_lines(registry), default_server(registry)
    hosts = {import_url: "override_path = true\n"} if import_url else {}
    for mirror in registry.mirrors:
        scheme = "" if "://" in mirror else ("http://" if registry.plain_http else "https://")
        hosts.setdefault(f"{scheme}{mirror.rstrip('/')}", tls)  # a table that stands twice is no TOML
    if tls or registry.plain_http:
        # Top-level settings would have to stand before the tables; the registry as a last mirror says the same.
        # Without a table of its own containerd 1.7 asks a registry on the loopback by HTTPS, though `server` says http.
        hosts.setdefault(server, tls)
    return f"server = {_quote(server)}\n" + "".join(_host_table(url, extra) for url, extra in hosts.items())


def proxy_environment(images: ImageSettings) -> dict[str, str]:
    """Return the proxy variables for containerd; only those that are set."""
    wanted = {"HTTP_PROXY": images.http_proxy, "HTTPS_PROXY": images.https_proxy, "NO_PROXY": images.no_proxy}
    return {name: value for name, value in wanted.items() if value}


class RegistryHosts:
    """The certs.d directory of one private containerd; nobody else writes it."""

    def __init__(self, directory: Path, registries: Iterable[Registry]) -> None:
        self._directory = directory
        self._registries = {check_host(registry.host): registry for registry in registries}

    def write(self) -> None:
        """Write every configured host and remove all else: also what an import left that was killed."""
        if self._directory.exists():
            for child in self._directory.iterdir():
                if child.name not in self._registries:
                    shutil.rmtree(child)
        for host, registry in self._registries.items():
            self._write_host(host, render_hosts(registry))

    @contextlib.asynccontextmanager
    async def importing(self, host: str, url: str) -> AsyncIterator[None]:
        """Let `host` be served by `url` first, as long as the context lasts.

        The hosts configured for it stay behind it, so that pulls of other images from it go on meanwhile.
        """
        registry = self._registries.get(check_host(host))
        routed = render_hosts(registry or Registry(host=host), import_url=url)
        try:
            await asyncio.to_thread(self._write_host, host, routed)
            yield
        finally:
            # Without a thread: a cancelled import must not leave its route behind.
            if registry is not None:
                self._write_host(host, render_hosts(registry))
            else:
                shutil.rmtree(self._directory / host, ignore_errors=True)

    def _write_host(self, host: str, text: str) -> None:
        directory = self._directory / host
        directory.mkdir(parents=True, exist_ok=True)
        # Nobody but containerd: a mirror's URL may hold a password.
        whole_files.write(directory / "hosts.toml", text.encode(), mode=0o600, durable=False)
