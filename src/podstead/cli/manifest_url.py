"""The manifest URL as it is configured: what it may be, its headers, and how it is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.cli.options import UsageError
from podstead.config.sources import UrlSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podstead.cli.flag_values import FlagValues
    from podstead.cli.kubelet_configuration import KubeletConfiguration

Headers = tuple[tuple[str, tuple[str, ...]], ...]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
PLAIN = (
    "WARNING: the manifest URL is plain http: whoever is on the way to its server can run anything on this node;"
    " use https"
)


def manifest_url(given: FlagValues, kubelet: KubeletConfiguration) -> UrlSettings | None:
    """Return the settings of the URL, None where none is configured; flags win over the file."""
    url = given.text("manifest-url") or kubelet.url
    if not url:
        return None
    if (problem := url_reason(url)) is not None:
        raise UsageError(f"--manifest-url {problem}")  # without the text: it may hold a password
    usual = UrlSettings(url=url, shown=shown_url(url))
    return UrlSettings(
        url=url,
        shown=usual.shown,
        headers=_flag_headers(given.words("manifest-url-header")) or kubelet.url_headers,
        check_seconds=given.seconds("http-check-frequency") or kubelet.url_check_seconds or usual.check_seconds,
    )


def url_reason(text: str) -> str | None:
    """Return why a text is no URL to fetch manifests from."""
    try:
        parts = urlsplit(text)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_sound:
        return "must be a URL such as https://manifests.example.com/node1.yaml"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or password: send an Authorization header (staticPodURLHeader)"
    return None


def shown_url(url: str) -> str:
    """Return the URL without its query, which may hold a token; it names the source in verdicts and claims."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"


def header_reason(name: str, values: Iterable[str]) -> str | None:
    """Return why a header cannot be sent; never holds a value."""
    if _HEADER_NAME.fullmatch(name) is None:
        return "is not the name of a header"
    if any(not value.isprintable() for value in values):
        return "has a value with a control character"
    return None


def _flag_headers(words: Iterable[str]) -> Headers:
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, colon, value = word.partition(":")
        if not colon:
            raise UsageError("--manifest-url-header must be NAME:VALUE; write it once for each header")
        if (problem := header_reason(name, (value,))) is not None:
            raise UsageError(f"--manifest-url-header: {name!r} {problem}")
        found[name] = (*found.get(name, ()), value.strip())
    return tuple(found.items())
