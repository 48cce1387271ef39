"""Makes images present: one pull per reference however many wait for it, a bounded number at once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from podstead.errors import RuntimeFault
from podstead.images import failures
from podstead.images.pins import bears, mismatch, names_of_pin
from podstead.images.policy import PullDecision, decide
from podstead.k8s.image_reference import ImageReference, InvalidReference, parse
from podstead.state.runtime import Image, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.config.images import ImageSettings
    from podstead.images.credentials import CredentialFile

Pull = Callable[[str, RegistryAuth | None], Awaitable[str]]
"""Pulls a full reference and returns the image's id. Raises RuntimeFault."""
Inspect = Callable[[str], Awaitable[Image | None]]
"""Returns the image held under a full reference, None when there is none. Raises RuntimeFault."""
FindAuth = Callable[[ImageReference], Awaitable[RegistryAuth | None]]
"""Returns the credentials for a repository."""


async def no_credentials(_: ImageReference) -> RegistryAuth | None:
    """Find no credentials."""
    return None


_Key = tuple[str, tuple[RegistryAuth, ...]]
"""What makes two pulls one: the full reference and the pod's own credentials for it."""


@dataclass(slots=True, eq=False)
class _Running:
    task: asyncio.Task[Image]
    waiters: int = 0


class Puller:
    """Pulls images through the runtime.

    Progress cannot be shown: the CRI has none. How often a failed pull is tried is the caller's decision.
    """

    def __init__(
        self, pull: Pull, inspect: Inspect, settings: ImageSettings, find_auth: FindAuth = no_credentials
    ) -> None:
        self._pull = pull
        self._inspect = inspect
        self._settings = settings
        self._find_auth = find_auth
        self._slots = asyncio.Semaphore(settings.parallel_pulls)
        self._running: dict[_Key, _Running] = {}

    @property
    def running(self) -> tuple[str, ...]:
        """The full references being pulled or waiting for a slot."""
        return tuple(reference for reference, _ in self._running)

    async def ensure(self, image: str, policy: str | None, credentials: Sequence[CredentialFile] = ()) -> Image:
        """Return the image as its pull policy wants it, pulled if need be.

        `credentials` are the pod's own; they are tried in their order, and the node's after them.

        Cancelling one caller leaves the pull to the others; when the last one goes, the pull is cancelled. Raises
        RuntimeFault with reason InvalidImageName, ErrImageNeverPull, ErrImagePull or RegistryUnavailable, or a
        transient one when the runtime is away.
        """
        reference = _valid(image)
        if policy != "Always":
            present = await self._inspect(str(reference))
            decision = decide(policy, present=present is not None)
            if present is not None and decision is PullDecision.USE:
                return present
            if decision is PullDecision.NEVER_PRESENT:
                raise RuntimeFault(
                    f"image '{reference}' is not present and imagePullPolicy is Never: "
                    "import it (podstead image import FILE.tar), or allow pulling",
                    reason="ErrImageNeverPull",
                )
        return await self._shared(reference, credentials)

    async def pull(self, image: str) -> None:
        """Ask the registry for the image even if one is present; raises as `ensure` does."""
        await self._shared(_valid(image))

    async def inspect(self, image: str) -> Image | None:
        """Return the image held under a reference in any notation, None when there is none or it is invalid."""
        reference = parse(image)
        return None if isinstance(reference, InvalidReference) else await self._inspect(str(reference))

    async def held(self, image: str, digest: str) -> Image | None:
        """Return the image of a digest that the runtime holds, whatever the tag of the reference says now."""
        for name in names_of_pin(image, digest):
            found = await self._inspect(name)
            if found is not None and bears(found, digest):
                return found
        tagged = await self.inspect(image)
        return tagged if tagged is not None and bears(tagged, digest) else None

    async def ensure_pinned(
        self, image: str, digest: str, policy: str | None, credentials: Sequence[CredentialFile] = ()
    ) -> Image:
        """Return the image of this digest, pulled by it, or by its reference where the digest is no registry's.

        What else the reference leads to is never returned: RuntimeFault with reason ImageDigestMismatch, or as `ensure`.
        """
        reference = _valid(image)
        if (found := await self.held(image, digest)) is not None:
            return found
        seen = await self._inspect(str(reference))
        if policy == "Never":
            raise mismatch(image, digest, seen)
        try:
            found = await self._shared(replace(reference, tag="", digest=digest), credentials)
        except RuntimeFault:
            try:
                found = await self._shared(reference, credentials)
            except RuntimeFault as fault:
                if seen is None or fault.transient:
                    raise
                raise mismatch(image, digest, seen, str(fault)) from fault
        if not bears(found, digest):
            raise mismatch(image, digest, found)
        return found

    async def close(self) -> None:
        """Cancel all pulls and wait for their end."""
        tasks = [entry.task for entry in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _shared(self, reference: ImageReference, credentials: Sequence[CredentialFile] = ()) -> Image:
        found = (file.find(reference) for file in credentials)
        own = tuple(dict.fromkeys(auth for auth in found if auth is not None))
        key = (str(reference), own)  # nobody is kept waiting for a pull with credentials that are not his
        entry = self._running.get(key)
        if entry is None:
            task = asyncio.get_running_loop().create_task(self._fetch(reference, own), name=f"pull {reference}")
            entry = self._running[key] = _Running(task)
            task.add_done_callback(functools.partial(self._ended, key, entry))
        entry.waiters += 1
        try:
            return await asyncio.shield(entry.task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and not caller.cancelling():
                # Not this caller was cancelled but the pull itself, by `close`.
                raise RuntimeFault(f"the pull of '{reference}' was given up", transient=True) from None
            raise
        finally:
            entry.waiters -= 1
            if entry.waiters == 0 and not entry.task.done():
                # Whoever comes now begins a pull of its own instead of joining one that is being given up.
                self._running.pop(key, None)
                entry.task.cancel()

    def _ended(self, key: _Key, entry: _Running, task: asyncio.Task[Image]) -> None:
        if self._running.get(key) is entry:
            del self._running[key]
        if not task.cancelled():
            # Looked at here, so that a pull whose last waiter left in the same moment is no unheard exception.
            task.exception()

    async def _fetch(self, reference: ImageReference, own: tuple[RegistryAuth, ...]) -> Image:
        async with self._slots:
            of_node = await self._find_auth(reference)
            tries = tuple(dict.fromkeys((*own, *([of_node] if of_node is not None else ())))) or (None,)
            for number, auth in enumerate(tries, start=1):
                try:
                    await self._pull(str(reference), auth)
                    break
                except RuntimeFault as fault:
                    if number < len(tries) and failures.is_denied(fault):
                        continue
                    registries = self._settings.registries
                    raise failures.explain(fault, reference, registries, authenticated=auth is not None) from fault
            image = await self._inspect(str(reference))
        if image is None:
            raise RuntimeFault(
                f"cannot use image '{reference}': the runtime pulled it and does not show it; pull again",
                reason="ErrImagePull",
            )
        return image


def _valid(image: str) -> ImageReference:
    reference = parse(image)
    if isinstance(reference, InvalidReference):
        raise RuntimeFault(f"image {image!r} {reference.why}", reason="InvalidImageName")
    return reference
