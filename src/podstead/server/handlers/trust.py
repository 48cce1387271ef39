"""Ours under …/trust and …/allowances: what the node trusts, and what root says about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s.text import printable
from podstead.server.faults import ApiError
from podstead.server.handlers.agent import API_VERSION, decode_body
from podstead.server.handlers.objects import json_reply

if TYPE_CHECKING:
    from podstead.server.messages import Reply, Request
    from podstead.server.routing import PathValues
    from podstead.server.trust import TrustPort

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FloorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a floor: the lowest version that counts."""

    floor: int


class ModeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of a lower mode."""

    mode: str
    reason: str


class SignersRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of other signers: both files in base64; `reason` only where those in force are lost."""

    signers: bytes
    signature: bytes
    reason: str = ""


class AllowRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of an allowance: the SHA-256 of the content in hexadecimal digits, its file's name, and for how long."""

    digest: str
    file: str
    seconds: float
    reason: str


class TrustHandlers:
    """Answers what concerns the node's trust."""

    def __init__(self, trust: TrustPort) -> None:
        self._trust = trust

    async def show(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/trust."""
        return json_reply({"kind": "Trust", "apiVersion": API_VERSION, **msgspec.to_builtins(self._trust.trust())})

    async def floor(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/trust/floor with a sentence."""
        return _sentence(await self._trust.set_floor(decode_body(request, FloorRequest).floor))

    async def mode(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/trust/mode with a sentence."""
        wanted = decode_body(request, ModeRequest)
        return _sentence(await self._trust.lower_mode(wanted.mode, wanted.reason))

    async def signers(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/trust/signers with a sentence."""
        wanted = decode_body(request, SignersRequest)
        return _sentence(await self._trust.rotate_signers(wanted.signers, wanted.signature, wanted.reason))

    async def allowances(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer GET …/allowances."""
        return json_reply({"kind": "AllowanceList", "apiVersion": API_VERSION, "items": self._trust.allowances()})

    async def allow(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer POST …/allowances with a sentence."""
        wanted = decode_body(request, AllowRequest)
        if not _DIGEST.fullmatch(wanted.digest):
            raise ApiError(400, "digest: Invalid value: must be a SHA-256 in 64 lower-case hexadecimal digits")
        return _sentence(await self._trust.allow(wanted.digest, wanted.file, wanted.seconds, wanted.reason))

    async def end(self, request: Request, path: PathValues) -> Reply:  # noqa: ARG002 - a route's signature
        """Answer DELETE …/allowances/DIGEST with a sentence."""
        return _sentence(await self._trust.end_allowance(path["name"]))


def _sentence(text: str) -> Reply:
    return json_reply({"kind": "Acknowledgement", "apiVersion": API_VERSION, "message": printable(text)})
