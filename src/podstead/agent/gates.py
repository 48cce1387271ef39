"""What stands between the directory and the pods: verify, then parse, then judge. Each is filled in by `daemon`.

What a gate refuses keeps its pods: a file that may not be parsed is one with a trouble, a content that the policy forbids
is one that is not accepted, and `state.fold` removes nothing for either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.manifest.reading import Reading
    from podstead.state.sources import SourceSnapshot


class Verifier(Protocol):
    """Says whose bytes they are, before anything parses them."""

    async def verify(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        """Return the look without the bytes that do not count: such a file has a trouble, a reason and a sentence instead.

        Called at each pass, so what was found of unchanged bytes is kept. Never raises for what a file holds.
        """
        ...


class Judge(Protocol):
    """Says whether the node's operator wants such pods."""

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings by file name, those refused that the policy forbids, with all their violations.

        Called at each pass, so what was found of unchanged content is kept. Never raises for what a file holds.
        """
        ...


class OpenVerifier:
    """Takes all bytes for what they are: signatures are off."""

    async def verify(self, snapshot: SourceSnapshot) -> SourceSnapshot:
        """Return the look as it is."""
        return snapshot


class OpenJudge:
    """Forbids nothing: there is no policy."""

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:  # noqa: ARG002 - a judge's signature
        """Return the readings as they are."""
        return readings


class InTurn:
    """Several judges, each of which sees what the ones before have left."""

    def __init__(self, *judges: Judge) -> None:
        self._judges = judges

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings as the last judge leaves them."""
        for one in self._judges:
            readings = await one.judge(snapshot, readings)
        return readings


def _as_it_is(snapshot: SourceSnapshot) -> SourceSnapshot:
    return snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The gates of one source, in the order in which its files meet them."""

    verifier: Verifier
    judge: Judge
    mark: Callable[[SourceSnapshot], SourceSnapshot] = _as_it_is
    """What a judge has to say about whose word a content stands on, after it has judged."""


OPEN = Gates(verifier=OpenVerifier(), judge=OpenJudge())
