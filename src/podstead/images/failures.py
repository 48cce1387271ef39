"""What a failed pull means for the operator: reason, host and next step. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.errors import DeadlineFault, NotFoundFault, RuntimeFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.config.images import Registry
    from podstead.k8s.image_reference import ImageReference

_NO_SUCH_IMAGE = "the registry has no such image for this platform: check name and tag"
MAX_DETAIL = 400
"""Characters of the runtime's own words: enough for its innermost cause."""

_URL = re.compile(r"https?://([^/\s\"'?]+)[^\s\"']*")
_LOOKUP = re.compile(r"lookup ([A-Za-z0-9.-]+)")
_DENIED = re.compile(
    r"\b40[13]\b|unauthorized|forbidden|authorization failed|access denied|authentication required", re.IGNORECASE
)
_ABSENT = re.compile(r"not found|manifest unknown|name unknown|no match for platform|\b404\b", re.IGNORECASE)
_LIMITED = re.compile(r"\b429\b|toomanyrequests|rate limit", re.IGNORECASE)
_PLAIN = re.compile(r"does not look like a TLS handshake|server gave HTTP response")
"""Go's words for an answer in plain HTTP. containerd 2 no longer tries that by itself with registries of this machine."""
_UNREACHABLE = re.compile(
    r"connection refused|no such host|i/o timeout|network is unreachable|no route to host|dial tcp|deadline exceeded|"
    r"connection reset|TLS handshake|x509|tls:|server gave HTTP response|\bEOF\b|\b50[0-9]\b|temporary failure",
    re.IGNORECASE,
)


def is_denied(fault: RuntimeFault) -> bool:
    """Return whether the registry refused who asked: other credentials may do better."""
    return not fault.transient and _DENIED.search(str(fault)) is not None


def explain(
    fault: RuntimeFault, reference: ImageReference, registries: Sequence[Registry], *, authenticated: bool
) -> RuntimeFault:
    """Return the fault to show for a failed pull; a runtime that is away keeps its own transient fault."""
    if fault.transient:
        return fault
    words = str(fault)
    host = tried_host(words, reference)
    begin = f"cannot pull image '{reference}' from {host}"
    mirrors = _mirrors(reference, registries)
    if mirrors:
        begin += f" (mirrors asked first: {', '.join(mirrors)})"
    reason, step = _meaning(fault, words, authenticated=authenticated)
    # Query strings of pre-signed addresses are credentials.
    detail = _URL.sub(lambda m: m[0].partition("?")[0], words)
    if len(detail) > MAX_DETAIL:
        detail = "…" + detail[-MAX_DETAIL:]
    return RuntimeFault(f"{begin}: {step} ({detail})", reason=reason)


def _meaning(fault: RuntimeFault, words: str, *, authenticated: bool) -> tuple[str, str]:
    """Return the reason and the next step."""
    if _DENIED.search(words) and authenticated:
        return "ErrImagePull", (
            "the registry refuses the credentials given for it: renew them in the credentials file or the pull Secret"
        )
    if _DENIED.search(words):
        return "ErrImagePull", (
            "the registry wants credentials or has no such repository: check the name, "
            "or put credentials for it into the credentials file (docker's config.json) or a pull Secret"
        )
    if _LIMITED.search(words):
        return "RegistryUnavailable", "the registry limits anonymous pulls: wait, log in, or set a mirror"
    if isinstance(fault, NotFoundFault):
        return "ErrImagePull", _NO_SUCH_IMAGE
    if _PLAIN.search(words):
        return "RegistryUnavailable", (
            "the registry speaks plain HTTP, and was asked for HTTPS: "
            "set plainHTTP: true for it under registries in the agent's configuration"
        )
    if _UNREACHABLE.search(words) or isinstance(fault, DeadlineFault):
        return "RegistryUnavailable", (
            "the registry cannot be reached: check name, network, proxy and CA, set a mirror under registries, "
            "or import the image with: podstead image import FILE.tar"
        )
    return "ErrImagePull", _NO_SUCH_IMAGE if _ABSENT.search(words) else "the runtime says why"


def tried_host(words: str, reference: ImageReference) -> str:
    """Return the host that the runtime's message names, else the reference's registry."""
    found = _URL.search(words) or _LOOKUP.search(words)
    return found[1] if found else reference.host


def _mirrors(reference: ImageReference, registries: Sequence[Registry]) -> tuple[str, ...]:
    return next((r.mirrors for r in registries if r.host == reference.host), ())
