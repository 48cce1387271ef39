"""The border for foreign exceptions: a call's gRPC status becomes one of the faults of `podstead.errors`.

A transport raises `CallError` and nothing else, whatever library it is made of; `fault` translates it. The texts a
runtime sends are untrusted: they are cut and their control characters escaped (foundation 24).
"""

from __future__ import annotations

import re
from enum import IntEnum

from podstead.errors import DeadlineFault, NameReservedFault, NotFoundFault, RuntimeFault, UnimplementedFault
from podstead.k8s.text import printable

TEXT_LIMIT = 512
"""Characters of a runtime's text that go into a fault: one screenful; runtimes nest a dozen causes."""

UNAVAILABLE_REASON = "RuntimeUnavailable"
"""Reason of every fault that only says that the runtime could not be reached."""


class Code(IntEnum):
    """gRPC status codes (grpc/doc/statuscodes.md)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class CallError(Exception):
    """A call that failed: the status the server gave, or UNAVAILABLE when there was none to be had."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return `text` cut to `limit` characters, with line breaks, controls and direction marks escaped.

    It is cut in its first half: a runtime's text ends with the innermost cause.
    """
    if len(text) > limit:
        head = limit // 4
        text = f"{text[:head]}…{text[head + 1 - limit :]}"
    return printable(text)


# containerd: `failed to reserve sandbox name "…": name "…" is reserved for "…"`, and the same for containers;
# CRI-O: `error reserving pod name …: name is reserved`, `… name "…" is already in use by …`.
_RESERVED = re.compile(r"is reserved for|reserv\w+ (?:\w+ )?name|name is reserved|is already in use by", re.IGNORECASE)
# containerd answers before its CRI plugin is ready; CRI-O while it shuts down.
_NOT_READY = re.compile(r"server is not initialized yet|server is shutting down|connection error: desc", re.IGNORECASE)
# CRI-O and older containerd answer UNKNOWN where NOT_FOUND is meant, for these objects only.
_NO_OBJECT = re.compile(
    r"(?:an error occurred when try to find (?:sandbox|container)|could not find (?:container|sandbox|pod)).*"
    r"(?:not found|does not exist)",
    re.IGNORECASE,
)


def fault(error: CallError, action: str, reason: str = "RuntimeError") -> RuntimeFault:
    """Return the fault for a failed call.

    `action` completes "cannot …"; `reason` is used unless the failure has a better word of its own.
    """
    message = f"cannot {action}: {plain(error.message) or error.code.name}"
    if error.code is Code.UNAVAILABLE or _NOT_READY.search(error.message):
        return RuntimeFault(message, transient=True, reason=UNAVAILABLE_REASON)
    if error.code is Code.NOT_FOUND or _NO_OBJECT.search(error.message):
        return NotFoundFault(message, reason=reason)
    if _RESERVED.search(error.message):
        return NameReservedFault(message, transient=True, reason=reason)
    if error.code is Code.DEADLINE_EXCEEDED:
        return DeadlineFault(message, transient=True, reason="DeadlineExceeded")
    if error.code is Code.UNIMPLEMENTED:
        return UnimplementedFault(message, reason="Unimplemented")
    return RuntimeFault(message, reason=reason)


_USER_INFO = re.compile(r"(https?://)[^/\s\"@]*@")
_QUERY = re.compile(r"(https?://[^\s\"?]*)\?[^\s\"]*")
# The host in the runtime's text that is nearest to the failure: a name lookup, else the last URL.
_LOOKUP = re.compile(r"lookup ([\w.-]+)")
_URL_HOST = re.compile(r"https?://([^/\s\"?]+)")

_PULL_CAUSES = (
    (re.compile(r"no such host|server misbehaving|lookup [\w.-]+.*(?:timeout|refused)"), "its name does not resolve"),
    (re.compile(r"401 unauthorized|403 forbidden|authorization failed|access denied|denied:"), "it refuses us"),
    (re.compile(r"connection refused"), "the connection was refused"),
    (re.compile(r"x509|certificate|tls:"), "its certificate is not trusted"),
    (re.compile(r"i/o timeout|no route to host|network is unreachable|handshake timeout"), "it does not answer"),
    (re.compile(r"not found|manifest unknown|name unknown|404"), "it has no such image"),
)
"""What went wrong in words, tried in this order: a lookup's `connection refused` is the resolver's, not the registry's."""


def pull_fault(error: CallError, image: str, reason: str = "ErrImagePull") -> RuntimeFault:
    """Return the fault for a failed pull: it names the host that was tried and the likely cause.

    User names, passwords and query strings of URLs are left out of the runtime's text.
    """
    if error.code is Code.UNAVAILABLE or _NOT_READY.search(error.message):
        return fault(error, f"pull image {image!r}", reason)
    text = _QUERY.sub(r"\1", _USER_INFO.sub(r"\1", error.message))
    lowered = text.lower()
    cause = next((words for pattern, words in _PULL_CAUSES if pattern.search(lowered)), "")
    if not cause:
        return fault(CallError(error.code, text), f"pull image {image!r}", reason)
    message = f"cannot pull image {image!r} from {plain(_tried_host(text, image))}: {cause}: {plain(text)}"
    if error.code is Code.NOT_FOUND or cause == _PULL_CAUSES[-1][1]:
        return NotFoundFault(message, reason=reason)
    return RuntimeFault(message, reason=reason)


def _tried_host(text: str, image: str) -> str:
    lookup = _LOOKUP.search(text)
    urls = _URL_HOST.findall(text)
    if lookup:
        return lookup.group(1)
    return urls[-1] if urls else registry_host(image)


def registry_host(image: str) -> str:
    """Return the registry that an image reference names; `registry-1.docker.io` when it names none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and first != "docker.io":
        return first
    return "registry-1.docker.io"
