"""Removes images that no pod needs: when their file system fills up, or when they have grown old.

The runtime is asked for its images when there is something to remove, and once at the start, from which on their ages
count. Whether one is needed is asked again before each removal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from podstead.errors import RuntimeFault
from podstead.images.retention import DiskUse, ImageAges, names_of, to_remove
from podstead.k8s.signals import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from podstead.clock import Clock
    from podstead.config.upkeep import ImageGCSettings
    from podstead.state.runtime import Image
    from podstead.upkeep.ports import ImageNeeds, ImageRuntime, NodeRecorder
    from podstead.upkeep.signals import SignalSource

log = logging.getLogger(__name__)

EVERYTHING = 1 << 62
"""More bytes than any disk has."""


class ImageKeeper:
    """Keeps the images of one runtime within bounds."""

    def __init__(
        self,
        runtime: ImageRuntime,
        needs: ImageNeeds,
        signals: SignalSource,
        settings: ImageGCSettings,
        recorder: NodeRecorder,
        clock: Clock,
    ) -> None:
        self._runtime = runtime
        self._needs = needs
        self._signals = signals
        self._settings = settings
        self._recorder = recorder
        self._clock = clock
        self._ages = ImageAges()
        self._removing = asyncio.Lock()
        self._failed = False

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            try:
                await self._look(first=not self._ages.first_seen)
            except (RuntimeFault, OSError) as error:
                # A runtime that is away for once is told of elsewhere; the kubelet waits for the second time too.
                log.warning("cannot collect images: %s", error)
                if self._failed:
                    self._recorder.node_event("ImageGCFailed", f"cannot collect images: {error}", warning=True)
                self._failed = True
            else:
                self._failed = False
            await self._clock.sleep(self._settings.period_seconds)

    async def free_all(self) -> int:
        """Remove every image that may go; returns their bytes. Raises RuntimeFault."""
        async with self._removing:
            return await self._remove(EVERYTHING)

    async def _look(self, *, first: bool) -> None:
        now = self._clock.now().boot
        self._ages.needed(self._needs.names(), now)
        left = (await self._signals.read()).get(Signal.IMAGEFS)
        use = DiskUse(capacity=left.capacity, available=left.available) if left is not None else None
        excess = use.excess(self._settings) if use is not None else 0
        if not first and not excess and not self._settings.max_age_seconds:
            return
        async with self._removing:
            freed = await self._remove(excess)
        if use is not None and freed < excess and not first:
            self._tell_shortage(use, excess, freed)

    async def _remove(self, excess: int) -> int:
        images = await self._runtime.images()
        now = self._clock.now().boot
        self._ages.seen(images, now)
        if not excess and not self._settings.max_age_seconds:
            return 0
        strangers = await self._needs.strangers()

        def keep(image: Image) -> bool:
            names = names_of(image)
            return not self._needs.may_remove(image) or not names.isdisjoint(strangers | self._needs.names())

        gone: list[Image] = []
        try:
            refusal = await self._remove_each({one.id: one for one in images}, keep, excess, now, gone)
        finally:
            if gone:
                text = (
                    f"removed {len(gone)} images that no pod needs, {_size(gone)} bytes: {', '.join(map(_shown, gone))}"
                )
                self._recorder.node_event("ImagesRemoved", text)
        if refusal is not None:
            raise refusal
        return _size(gone)

    async def _remove_each(
        self, left: dict[str, Image], keep: Callable[[Image], bool], excess: int, now: float, gone: list[Image]
    ) -> RuntimeFault | None:
        """Remove what may go of `left`, and note it in `gone`; return what the runtime has against one of them.

        One that the runtime does not let go, as something else uses it, must not keep the others: the next in the order goes
        in its place.
        """
        refusal: RuntimeFault | None = None
        while plan := to_remove(list(left.values()), self._ages, keep, self._settings, excess - _size(gone), now):
            for image, why in plan:
                del left[image.id]
                if keep(image):
                    continue  # somebody needs it since this began
                try:
                    await self._runtime.remove_image(image.id)
                except RuntimeFault as fault:
                    if fault.transient:
                        raise  # the others would fare alike
                    refusal = fault
                    continue
                await self._needs.removed(image)
                log.info("image %s is removed: %s", _shown(image), why)
                gone.append(image)
        return refusal

    def _tell_shortage(self, use: DiskUse, excess: int, freed: int) -> None:
        text = (
            f"the file system of images is used to {use.percent} %: {excess} bytes should be freed, and the images that"
            f" no pod needs have {freed}"
        )
        self._recorder.node_event("FreeDiskSpaceFailed", text, warning=True)


def _size(images: Iterable[Image]) -> int:
    return sum(image.size for image in images)


def _shown(image: Image) -> str:
    return next(iter(image.tags), image.id)
