"""Files of the node as a signed index lets them count: what it does not list is no change that restarts anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from podstead.agent.inputs import FileDigests


class SignedFiles:
    """Gives the digest of the last content that counted. `fault` says of a path and a digest why it does not.

    What was found so is in `refused`; `on_refusal` is told of each once. Of a file whose content never counted nothing is
    known, and what nothing is known of restarts nobody.
    """

    def __init__(
        self,
        files: FileDigests,
        fault: Callable[[str, str], str],
        on_refusal: Callable[[str, str], None],
    ) -> None:
        self._files = files
        self._fault = fault
        self._on_refusal = on_refusal
        self._good: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    @property
    def refused(self) -> Mapping[str, str]:
        """The files whose content does not count, each with the reason."""
        return self._refused

    def digest(self, path: str) -> str | None:
        """Return the digest of the content that counts; None where nothing is known of it."""
        found = self._files.digest(path)
        if found is None:
            return None
        if why := self._fault(path, found):
            if self._refused.get(path) != why:
                self._refused[path] = why
                self._on_refusal(path, why)
            return self._good.get(path)
        self._refused.pop(path, None)
        self._good[path] = found
        return found

    async def refresh(self, paths: Iterable[str]) -> None:
        """Look at these files now."""
        await self._files.refresh(paths)
