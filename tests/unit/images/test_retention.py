"""Which images go, in which order, and when."""

from __future__ import annotations

import pytest

from podstead.config.upkeep import ImageGCSettings
from podstead.images.retention import MAX_AGE, ROOM, DiskUse, ImageAges, names_of, to_remove
from podstead.state.runtime import Image

SETTINGS = ImageGCSettings()
NOW = 10_000.0


def image(name: str, size: int = 10, *, pinned: bool = False) -> Image:
    return Image(id=f"sha256:{name}", tags=(f"docker.io/library/{name}:1",), size=size, pinned=pinned)


def aged(**first_seen: float) -> ImageAges:
    """Return ages; names that begin with `used_` were needed at that time."""
    ages = ImageAges()
    for name, at in first_seen.items():
        if name.startswith("used_"):
            ages.needed([f"docker.io/library/{name.removeprefix('used_')}:1"], at)
        else:
            ages.first_seen[f"sha256:{name}"] = at
    return ages


def removed(
    images: list[Image], ages: ImageAges, excess: int, settings: ImageGCSettings = SETTINGS, keep: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    kept = {f"sha256:{name}" for name in keep}
    gone = to_remove(images, ages, lambda one: one.id in kept, settings, excess, NOW)
    return [(one.id.removeprefix("sha256:"), why) for one, why in gone]


@pytest.mark.parametrize(
    ("available", "percent", "excess"),
    [(1000, 0, 0), (160, 84, 0), (150, 85, 50), (151, 85, 49), (50, 95, 150), (0, 100, 200)],
)
def test_what_is_to_be_freed(available: int, percent: int, excess: int) -> None:
    use = DiskUse(capacity=1000, available=available)
    assert (use.percent, use.excess(SETTINGS)) == (percent, excess)
    assert use.excess(ImageGCSettings(high_percent=100)) == 0


def test_a_file_system_of_no_size_is_not_full() -> None:
    assert DiskUse(capacity=0, available=0).percent == 0


def test_nothing_goes_while_there_is_room() -> None:
    assert removed([image("a")], aged(a=0.0), 0) == []


def test_the_longest_unneeded_go_first_and_no_more_than_is_due() -> None:
    images = [image("a"), image("b"), image("c"), image("d")]
    ages = aged(a=0.0, b=50.0, c=0.0, d=0.0, used_a=300.0, used_c=200.0)
    order = ["d", "b", "c", "a"]  # never needed and older, never needed, needed longer ago
    assert [name for name, _ in removed(images, ages, 1000)] == order
    assert removed(images, ages, 11) == [("d", ROOM), ("b", ROOM)]
    assert removed(images, ages, 10) == [("d", ROOM)]


def test_what_is_kept_pinned_or_young_stays() -> None:
    images = [image("needed"), image("pause", pinned=True), image("young"), image("old")]
    ages = aged(needed=0.0, pause=0.0, young=NOW - 119, old=NOW - 120)
    assert removed(images, ages, 1000, keep=("needed",)) == [("old", ROOM)]


def test_what_nobody_needed_for_long_goes_without_any_want() -> None:
    settings = ImageGCSettings(max_age_seconds=1000.0)
    images = [image("a"), image("b"), image("c")]
    ages = aged(a=0.0, b=0.0, c=NOW - 1000, used_a=NOW - 999, used_b=NOW - 1001)
    assert removed(images, ages, 0, settings) == [("b", MAX_AGE)]


def test_ages_count_from_the_first_look_and_forget_what_is_gone() -> None:
    ages = ImageAges()
    one, two = image("one"), image("two")
    ages.needed(names_of(one), 5.0)
    ages.seen([one, two], 10.0)
    ages.seen([one, two], 20.0)
    assert (ages.first_seen[two.id], ages.idle_since(two), ages.idle_since(one)) == (10.0, 10.0, 10.0)
    ages.needed(names_of(one), 30.0)
    assert ages.idle_since(one) == 30.0
    ages.seen([two], 40.0)
    ages.seen([one, two], 50.0)
    assert ages.order(one) == (0.0, 50.0)
