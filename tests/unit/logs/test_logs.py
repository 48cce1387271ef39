# ruff: noqa: ASYNC240 - the files of these tests are small and local
"""Reading container logs in the CRI format."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.identity import PodKey, PodUID
from podstead.logs import format as log_format
from podstead.logs import paths, tail
from podstead.logs.reader import LogQuery, last_lines, read_log
from podstead.logs.rendering import MAX_ENTRY, Rendering

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = datetime(2026, 11, 23, 2, 39, 18, tzinfo=UTC).timestamp()


def entry(second: int, text: str | bytes, *, stream: str = "stdout", tag: str = "F", fraction: str = "") -> bytes:
    time = datetime.fromtimestamp(BASE + second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    content = text.encode() if isinstance(text, str) else text
    return f"{time}{'.' + fraction if fraction else ''}Z {stream} {tag} ".encode() + content + b"\n"


def lines(count: int) -> bytes:
    return b"".join(entry(number, f"line {number}") for number in range(count))


async def read(path: Path, query: LogQuery, ended: Callable[[], bool] = lambda: True) -> bytes:
    async with asyncio.timeout(20):
        return b"".join([piece async for piece in read_log(path, query, ended=ended)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "0.log"


def test_paths() -> None:
    key = PodKey("kube-system", "mysql-node1")
    assert paths.log_directory(Path("/l"), key, PodUID("u")) == Path("/l/kube-system_mysql-node1_u")
    assert paths.log_path("mysql", 3) == "mysql/3.log"
    names = ["0.log", "10.log", "9.log", "9.log.20261123-023918", "x.log", "1.log.gz", "-1.log"]
    assert paths.attempts(names) == (10, 9, 0)


@pytest.mark.parametrize(
    ("time", "nanoseconds", "shown"),
    [
        (b"2026-11-23T02:39:18.221631723Z", 221631723, b"2026-11-23T02:39:18.221631723Z"),
        (b"2026-11-23T02:39:18.22Z", 220000000, b"2026-11-23T02:39:18.220000000Z"),
        (b"2026-11-23T02:39:18Z", 0, b"2026-11-23T02:39:18.000000000Z"),
        (b"2026-11-23T04:39:18.5+02:00", 500000000, b"2026-11-23T04:39:18.500000000+02:00"),
    ],
)
def test_times(time: bytes, nanoseconds: int, shown: bytes) -> None:
    assert log_format.nanoseconds(time) == int(BASE) * 10**9 + nanoseconds
    assert log_format.padded(time) == shown


@pytest.mark.parametrize("line", [b"", b"x", b"a b c d", b"2026-11-23T02:39:18Z stdout X y", b"2026 stdin F y"])
def test_what_is_no_entry(line: bytes) -> None:
    assert log_format.decode(line) is None


def test_no_time_is_no_time() -> None:
    assert log_format.nanoseconds(b"2026-13-45T99:99:99Z") is None
    assert log_format.nanoseconds(b"today") is None


async def test_raw_bytes_streams_and_partial_entries(log: Path) -> None:
    log.write_bytes(
        entry(0, "one")
        + entry(1, "t", tag="P")
        + entry(1, "w", tag="P:x")
        + entry(2, "o")
        + entry(3, b"\xff\x00 \x1b[0m", stream="stderr")
        + entry(4, "")
        + entry(5, "half", tag="P")
        + entry(5, "other", stream="stderr")
        + entry(6, "way")
    )
    assert await read(log, LogQuery()) == b"one\ntwo\n\xff\x00 \x1b[0m\n\nhalf\nother\nway\n"
    stamped = await read(log, LogQuery(timestamps=True, tail=7))
    assert stamped.splitlines()[:2] == [
        b"2026-11-23T02:39:18.000000000Z one",
        b"2026-11-23T02:39:19.000000000Z two",
    ]


async def test_a_torn_entry_is_shown_as_it_stands(log: Path) -> None:
    log.write_bytes(entry(0, "a") + b"2026-11-23T02:3\n" + entry(1, "b") + entry(2, "no newline")[:-1])
    assert await read(log, LogQuery()) == b"a\n2026-11-23T02:3\nb\nno newline\n"


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, ["c"]), (2, ["bb", "c"]), (3, ["a", "bb", "c"]), (99, ["a", "bb", "c"])]
)
async def test_tail_counts_whole_lines(log: Path, count: int, expected: list[str]) -> None:
    log.write_bytes(entry(0, "a") + entry(1, "b", tag="P") + entry(1, "b") + entry(2, "c"))
    assert (await read(log, LogQuery(tail=count))).decode().splitlines() == expected


async def test_an_unfinished_line_counts_as_the_last(log: Path) -> None:
    log.write_bytes(entry(0, "a") + entry(1, "b") + entry(2, "c", tag="P"))
    assert await read(log, LogQuery(tail=1)) == b"c"
    assert await read(log, LogQuery(tail=2)) == b"b\nc"


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=40), st.integers(0, 45), st.integers(100, 900))
def test_tail_equals_cutting_the_whole(spec: list[tuple[int, bool]], count: int, block: int) -> None:
    data = b"".join(entry(n, "x" * size, tag="P" if part else "F") for n, (size, part) in enumerate(spec))
    whole = Rendering().feed(data).splitlines()
    wanted = whole[len(whole) - min(count, len(whole)) :]
    handle = os.memfd_create("log")
    try:
        os.write(handle, data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tail, "BLOCK", block)
            offset, _ = tail.tail_offset(handle, len(data), count)
        assert Rendering().feed(data[offset:]).splitlines() == wanted
    finally:
        os.close(handle)


async def test_since_leaves_older_lines_out(log: Path) -> None:
    log.write_bytes(
        entry(0, "old", tag="P") + entry(9, "er") + entry(5, "out of order", stream="stderr") + entry(10, "new")
    )
    assert await read(log, LogQuery(since=BASE + 4)) == b"out of order\nnew\n"
    assert await read(log, LogQuery(since=BASE + 100)) == b""
    assert await read(log, LogQuery(since=BASE + 4, tail=1)) == b"new\n"


@given(st.integers(0, 60), st.integers(1, 40))
def test_since_offset_never_skips_a_wanted_line(since: int, step: int) -> None:
    data = b"".join(entry(n // step, f"{n} " + "y" * 50) for n in range(2000))
    handle = os.memfd_create("log")
    try:
        os.write(handle, data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tail, "BLOCK", 512)
            offset = tail.since_offset(handle, len(data), (int(BASE) + since) * 10**9)
        wish = (int(BASE) + since) * 10**9
        assert Rendering(since=wish).feed(data[offset:]) == Rendering(since=wish).feed(data)
        assert offset == 0 or data[offset - 1 : offset] == b"\n"
    finally:
        os.close(handle)


async def test_limit_cuts_at_the_byte(log: Path) -> None:
    log.write_bytes(lines(100_000))
    assert await read(log, LogQuery(limit_bytes=10)) == b"line 0\nlin"
    assert await read(log, LogQuery(limit_bytes=0)) == b""
    assert len(await read(log, LogQuery(limit_bytes=500_001, timestamps=True))) == 500_001


async def test_what_is_written_after_the_beginning_is_not_waited_for(log: Path) -> None:
    log.write_bytes(lines(5000))
    seen = 0
    async for piece in read_log(log, LogQuery()):
        seen += piece.count(b"\n")
        with log.open("ab") as file:
            file.write(lines(5000))
    assert seen == 5000


async def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await read(tmp_path / "7.log", LogQuery())
    assert await last_lines(tmp_path / "7.log", 80, 2048) == b""
    (tmp_path / "8.log").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic"):
        await read(tmp_path / "8.log", LogQuery())


async def test_last_lines_for_a_termination_message(log: Path) -> None:
    log.write_bytes(lines(1000))
    assert (await last_lines(log, 80, 2048)).splitlines() == [f"line {n}".encode() for n in range(920, 1000)]
    assert await last_lines(log, 80, 9) == b"line 999\n"


async def test_following_goes_over_a_rotation_and_ends_with_the_container(log: Path) -> None:
    log.write_bytes(entry(0, "first"))
    ended = False
    got = [b""]

    async def follow() -> None:
        async for piece in read_log(log, LogQuery(follow=True), ended=lambda: ended, sleep=quick):
            got[0] += piece

    async def quick(_: float) -> None:
        await asyncio.sleep(0.005)

    async def until(text: bytes) -> None:
        async with asyncio.timeout(10):
            while text not in got[0]:  # noqa: ASYNC110 - a reader has no event to tell of
                await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        await until(b"first\n")
        with log.open("ab") as file:
            file.write(entry(1, "half", tag="P"))
            file.flush()
            await until(b"half")
            file.write(entry(1, " and half") + entry(2, "before")[:-1])
            log.rename(log.with_name("0.log.20261123-023918"))
            file.write(b"\n")
        log.write_bytes(entry(3, "after"))
        await until(b"after\n")
        log.write_bytes(entry(4, "cut"))
        await until(b"cut\n")
        ended = True
        with log.open("ab") as file:
            file.write(entry(5, "last words"))
    assert got[0] == b"first\nhalf and half\nbefore\nafter\ncut\nlast words\n"


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


async def test_following_stops_when_nobody_listens(log: Path) -> None:
    log.write_bytes(lines(3))
    handles = open_files()
    pieces = read_log(log, LogQuery(follow=True), ended=lambda: False)
    assert await anext(pieces) == b"line 0\nline 1\nline 2\n"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await pieces.aclose()  # type: ignore[attr-defined]  # an async generator
    del pieces, waiting
    assert open_files() <= handles


async def test_memory_does_not_grow_with_the_file(log: Path) -> None:
    block = b"".join(entry(n, "z" * 200) for n in range(4000))
    with log.open("wb") as file:
        for _ in range(100):
            file.write(block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = 0
    async for piece in read_log(log, LogQuery()):
        total += len(piece)
    assert total == 400_000 * 201
    assert await last_lines(log, 5, 10**6) == (b"z" * 200 + b"\n") * 5
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 16 << 10


def test_an_endless_line_is_passed_on() -> None:
    rendering = Rendering()
    pieces = [rendering.feed(b"q" * 65536) for _ in range(40)]
    assert sum(map(len, pieces)) + len(rendering.flush()) >= 40 * 65536
    assert max(map(len, pieces)) <= MAX_ENTRY + 65536


@given(st.lists(st.integers(1, 50), max_size=60))
def test_how_the_file_is_cut_into_pieces_does_not_matter(cuts: list[int]) -> None:
    data = entry(0, "a") + entry(1, "b", tag="P") + entry(2, "c", stream="stderr") + entry(3, "d") + b"torn\n"
    rendering, out, rest = Rendering(timestamps=True), b"", iter(cuts)
    position = 0
    for size in itertools.chain(rest, itertools.repeat(1000)):
        out += rendering.feed(data[position : position + size])
        position += size
        if position >= len(data):
            break
    assert out + rendering.flush() == Rendering(timestamps=True).feed(data)
