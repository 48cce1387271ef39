"""Which images a node can do without, and in which order they go (spec/kubelet-static-pods.md 3.14). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from podstead.config.upkeep import ImageGCSettings
    from podstead.state.runtime import Image

MAX_AGE = "no pod has needed it for imageMaximumGCAge"
ROOM = "its room is wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """A file system, in bytes, as far as it can be used by anybody but root's reserve."""

    capacity: int
    available: int

    @property
    def percent(self) -> int:
        """Return how much is used, in whole percent as the kubelet counts them."""
        return 100 - self.available * 100 // self.capacity if self.capacity else 0

    def excess(self, settings: ImageGCSettings) -> int:
        """Return the bytes to be freed; 0 below the high threshold."""
        if settings.high_percent >= 100 or self.percent < settings.high_percent:
            return 0
        return max(0, self.capacity * (100 - settings.low_percent) // 100 - self.available)


@dataclass(slots=True)
class ImageAges:
    """When images were first seen and last needed, on the boot clock; counted anew by each agent, as by each kubelet."""

    first_seen: dict[str, float] = field(default_factory=dict)
    """By id."""
    last_needed: dict[str, float] = field(default_factory=dict)
    """By any of an image's names."""

    def needed(self, names: Iterable[str], now: float) -> None:
        """Note which names are needed now."""
        self.last_needed.update(dict.fromkeys(names, now))

    def seen(self, images: Collection[Image], now: float) -> None:
        """Note which images there are now; what is gone is forgotten."""
        self.first_seen = {image.id: self.first_seen.get(image.id, now) for image in images}
        names = {name for image in images for name in names_of(image)}
        self.last_needed = {name: at for name, at in self.last_needed.items() if name in names}

    def idle_since(self, image: Image) -> float:
        """Return when an image was last needed, or else first seen."""
        needed = [self.last_needed[name] for name in names_of(image) if name in self.last_needed]
        return max([self.first_seen[image.id], *needed])

    def order(self, image: Image) -> tuple[float, float]:
        """Return the rank by which images go: those never needed first, then by their last need."""
        needed = [self.last_needed[name] for name in names_of(image) if name in self.last_needed]
        return max(needed, default=0.0), self.first_seen[image.id]


def names_of(image: Image) -> frozenset[str]:
    """Return every name of an image: removing it by one removes all (foundation 23)."""
    return frozenset({image.id, *image.tags, *image.digests})


def to_remove(
    images: Collection[Image],
    ages: ImageAges,
    keep: Callable[[Image], bool],
    settings: ImageGCSettings,
    excess: int,
    now: float,
) -> list[tuple[Image, str]]:
    """Return the images to remove and why, until `excess` bytes are free or nothing is left that may go.

    `keep` tells which must stay: what pods need, what is not ours. `ages` has seen these images.
    """
    idle = [i for i in images if not i.pinned and not keep(i)]
    idle = [i for i in idle if now - ages.first_seen[i.id] >= settings.min_age_seconds]
    gone: list[tuple[Image, str]] = []
    for image in sorted(idle, key=ages.order):
        old = settings.max_age_seconds and now - ages.idle_since(image) > settings.max_age_seconds
        if old or excess > 0:
            gone.append((image, MAX_AGE if old else ROOM))
            excess -= image.size
    return gone
