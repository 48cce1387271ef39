# ruff: noqa: ASYNC240 - the files of these tests are small and local
"""Reading a log over its rotations."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.logs import segments, tail
from podstead.logs.reader import LogQuery, last_lines, read_log
from podstead.logs.rendering import Rendering

from .test_logs import BASE, entry, lines, read

if TYPE_CHECKING:
    from pathlib import Path

STAMPS = [f"20261123-0239{second:02}" for second in range(60)]


def lay(directory: Path, *pieces: bytes, compressed: int = 0) -> Path:
    """Write the pieces of one log in the order of writing, the first `compressed` of them compressed."""
    log = directory / "3.log"
    for stamp, (number, piece) in zip(STAMPS, enumerate(pieces[:-1]), strict=False):
        if number < compressed:
            (directory / f"3.log.{stamp}.gz").write_bytes(gzip.compress(piece))
        else:
            (directory / f"3.log.{stamp}").write_bytes(piece)
    log.write_bytes(pieces[-1])
    return log


def numbered(first: int, last: int) -> bytes:
    return b"".join(entry(number, f"line {number}") for number in range(first, last))


def texts(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last)]


@pytest.mark.parametrize("compressed", [0, 1, 2])
async def test_a_log_is_what_was_rotated_away_and_what_is_written(tmp_path: Path, compressed: int) -> None:
    log = lay(tmp_path, numbered(0, 10), numbered(10, 20), numbered(20, 25), compressed=compressed)
    (tmp_path / "30.log").write_bytes(entry(0, "of another attempt"))
    (tmp_path / "3.log.20261123-023900.gz.tmp").write_bytes(b"half")
    assert (await read(log, LogQuery())).decode().splitlines() == texts(0, 25)
    assert (await read(log, LogQuery(tail=3))).decode().splitlines() == texts(22, 25)
    assert (await read(log, LogQuery(tail=5))).decode().splitlines() == texts(20, 25)
    assert (await read(log, LogQuery(tail=8))).decode().splitlines() == texts(17, 25)
    assert (await read(log, LogQuery(tail=18))).decode().splitlines() == texts(7, 25)
    assert (await read(log, LogQuery(tail=999))).decode().splitlines() == texts(0, 25)
    assert await read(log, LogQuery(tail=0)) == b""
    assert (await read(log, LogQuery(since=BASE + 12))).decode().splitlines() == texts(12, 25)
    assert (await read(log, LogQuery(since=BASE + 3, tail=4))).decode().splitlines() == texts(21, 25)
    assert (await read(log, LogQuery(since=BASE + 23))).decode().splitlines() == texts(23, 25)
    assert len(await read(log, LogQuery(limit_bytes=100))) == 100
    assert (await last_lines(log, 7, 1000)).decode().splitlines() == texts(18, 25)


async def test_an_empty_new_file_hides_nothing(tmp_path: Path) -> None:
    log = lay(tmp_path, numbered(0, 10), b"")
    assert (await read(log, LogQuery(tail=2))).decode().splitlines() == texts(8, 10)
    assert (await read(log, LogQuery(since=BASE + 5))).decode().splitlines() == texts(5, 10)


async def test_a_log_in_the_midst_of_its_rotation(tmp_path: Path) -> None:
    lay(tmp_path, numbered(0, 4), b"").unlink()
    assert (await read(tmp_path / "3.log", LogQuery())).decode().splitlines() == texts(0, 4)
    assert await read(tmp_path / "3.log", LogQuery(tail=0)) == b""


async def test_a_crash_between_compression_and_removal_shows_nothing_twice(tmp_path: Path) -> None:
    log = lay(tmp_path, numbered(0, 4), numbered(4, 6))
    (tmp_path / f"3.log.{STAMPS[0]}.gz").write_bytes(gzip.compress(numbered(0, 4)))
    assert (await read(log, LogQuery())).decode().splitlines() == texts(0, 6)


async def test_a_damaged_file_costs_its_own_end_only(tmp_path: Path) -> None:
    log = lay(tmp_path, lines(9000), numbered(0, 2))
    plain = tmp_path / f"3.log.{STAMPS[0]}"
    data = bytearray(gzip.compress(plain.read_bytes()))
    data[len(data) // 2 :] = random.Random(1).randbytes(len(data) - len(data) // 2)
    plain.unlink()
    plain.with_name(plain.name + ".gz").write_bytes(data)
    found = (await read(log, LogQuery())).decode("ascii", "replace").splitlines()
    assert found[:100] == texts(0, 100)
    assert found[-2:] == texts(0, 2)


async def test_a_line_over_a_rotation_counts_once(tmp_path: Path) -> None:
    first = entry(0, "a") + entry(1, "b", tag="P")
    second = entry(1, "b") + entry(2, "c")
    for compressed in (0, 1):
        log = lay(tmp_path, first, second, compressed=compressed)
        assert (await read(log, LogQuery(tail=2))).decode().splitlines() == ["bb", "c"]
        assert (await read(log, LogQuery(tail=3))).decode().splitlines() == ["a", "bb", "c"]
        for file in tmp_path.iterdir():
            file.unlink()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=30),
    st.lists(st.integers(0, 30), max_size=3),
    st.integers(0, 3),
    st.integers(0, 35),
)
def test_tail_over_files_equals_cutting_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    spec: list[tuple[int, bool]],
    cuts: list[int],
    compressed: int,
    count: int,
) -> None:
    directory = tmp_path_factory.mktemp("log")
    entries = [entry(n, "x" * size, tag="P" if part else "F") for n, (size, part) in enumerate(spec)]
    borders = [0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    pieces = [b"".join(entries[a:b]) for a, b in itertools.pairwise(borders)]
    log = lay(directory, *pieces, compressed=compressed)
    whole = Rendering().feed(b"".join(entries)).splitlines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "BLOCK", 150)
        patch.setattr(segments, "PIECE", 70)
        found = asyncio.run(read(log, LogQuery(tail=count))).splitlines()
    assert found == whole[len(whole) - min(count, len(whole)) :]


async def test_a_slow_follower_misses_no_rotation(tmp_path: Path) -> None:
    log = lay(tmp_path, numbered(0, 5), numbered(5, 10), compressed=1)
    gate, ended = asyncio.Event(), False

    async def pause(_: float) -> None:
        await gate.wait()
        await asyncio.sleep(0.005)

    got = b""

    async def follow() -> None:
        nonlocal got
        async for piece in read_log(log, LogQuery(follow=True, tail=7), ended=lambda: ended, sleep=pause):
            got += piece

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow())
        while got.count(b"\n") < 7:  # noqa: ASYNC110 - a reader has no event to tell of
            await asyncio.sleep(0.005)
        with log.open("ab") as file:
            file.write(numbered(10, 12))
        first = log.rename(tmp_path / f"3.log.{STAMPS[10]}")
        log.write_bytes(numbered(12, 20))
        log.rename(tmp_path / f"3.log.{STAMPS[11]}")
        log.write_bytes(numbered(20, 22))
        first.with_name(first.name + ".gz").write_bytes(gzip.compress(first.read_bytes()))
        first.unlink()
        gate.set()
        while b"line 21\n" not in got:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)
        ended = True
    assert got.decode().splitlines() == texts(3, 22)
