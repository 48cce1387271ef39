"""Files that the agent itself trusts: whoever can change one, or the way to it, counts as who can write it."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest

from podstead.sources.guarded import GuardFault, guard_faults, read_guarded

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534


@pytest.fixture
def place(manifests: Path) -> Path:
    """A directory with room beside it."""
    return manifests


def mends(path: Path) -> list[str]:
    return [re.split(r"run: |: (?=ch)", fault)[-1] for fault in guard_faults(path)]


def test_what_is_roots_alone_is_fine_and_what_is_not_there_yet_too(place: Path) -> None:
    (place / "a").write_text("x")
    assert guard_faults(place / "a") == guard_faults(place / "none" / "below") == guard_faults(place) == ()
    assert guard_faults(place / "a" / "below") == ()


@pytest.mark.attack("own-configuration")
def test_each_fault_on_the_way_has_its_mend(place: Path) -> None:
    (place / "a").write_text("x")
    (place / "a").chmod(0o666)
    place.chmod(0o775)
    assert mends(place / "a") == [f"chmod go-w {place}", f"chmod go-w {place}/a"]
    assert mends(place / "none") == [f"chmod go-w {place}"]


@pytest.mark.attack("own-configuration", "symbolic-link")
def test_both_ends_of_a_link_count(place: Path) -> None:
    other = place.parent / "other"
    other.mkdir()
    (other / "real").write_text("x")
    (place / "a").symlink_to("../other/real")
    assert guard_faults(place / "a") == ()
    other.chmod(0o777)
    assert mends(place / "a") == [f"chmod go-w {other}"]
    other.chmod(0o755)
    place.chmod(0o777)
    assert mends(place / "a") == [f"chmod go-w {place}"]
    (place / "loop").symlink_to("loop")
    assert mends(place / "loop") == [f"chmod go-w {place}"]
    with pytest.raises(OSError, match="symbolic links"):
        read_guarded(place / "loop", 10, lenient=True)


@pytest.mark.root
@pytest.mark.attack("own-configuration")
def test_links_and_sockets_have_owners_too(place: Path) -> None:
    place.chmod(0o1777)
    (place / "a").write_text("x")
    (place / "link").symlink_to("a")
    os.chown(place / "link", NOBODY, -1, follow_symlinks=False)
    assert mends(place / "link") == [f"chown -h root {place}/link"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "s"))
        (place / "s").chmod(0o666)
        assert guard_faults(place / "s") == ()
        os.chown(place / "s", NOBODY, -1)
        assert guard_faults(place / "s") == (f"the socket {place}/s belongs to nobody, not to root",)


def test_reading(place: Path) -> None:
    (place / "a").write_bytes(b"one")
    assert read_guarded(place / "a", 3) == b"one"
    with pytest.raises(GuardFault, match="has 3 bytes, the limit is 2"):
        read_guarded(place / "a", 2)
    with pytest.raises(FileNotFoundError):
        read_guarded(place / "none", 3)
    os.mkfifo(place / "fifo")
    for path in (place / "fifo", place):
        with pytest.raises(GuardFault, match="not a regular file"):
            read_guarded(path, 3)
    (place / "a").chmod(0o602)
    with pytest.raises(GuardFault, match=f"chmod go-w {place}/a$"):
        read_guarded(place / "a", 3)
    assert read_guarded(place / "a", 3, lenient=True) == b"one"
