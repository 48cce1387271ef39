"""Decoding within limits: inline, in a child, and by children that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from podstead.config.sources import SourceSettings
from podstead.manifest.read import read_manifest
from podstead.sources import decoder as decoders
from podstead.sources.content import Content
from podstead.sources.decoder import Decoder
from podstead.sources.wire import decode_reading, encode_reading
from podstead.state.sources import FileTrouble, ManifestFile
from tests.support.waiting import until
from tests.unit.sources.test_flood import Lag

POD = b"""apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  hostNetwork: true
  containers:
  - name: web
    image: example.org/web:1
    unknownField: 1
    env:
    - {name: A, value: "1"}
    resources: {limits: {memory: 64Mi}}
    livenessProbe:
      tcpSocket: {port: 80}
"""
WHERE = SourceSettings(path=Path("/nowhere"))
LIMIT_THEN = (
    "import resource; from podstead.children import confine; from podstead.sources import decode_child;"
    " confine(memory_bytes=decode_child.MEMORY_BYTES, cpu_seconds=decode_child.CPU_SECONDS); "
)


def file(data: bytes) -> ManifestFile:
    return ManifestFile(name="a.yaml", path="/a.yaml", data=data, digest=hashlib.sha256(data).hexdigest())


def padded(size: int) -> bytes:
    """The Pod with a comment that makes it this large."""
    return POD + b"#" * (size - len(POD) - 1) + b"\n"


def child(program: str, *, wall_seconds: float = 100.0) -> Decoder:
    """A decoder whose child is this Python program."""
    where = replace(WHERE, inline_bytes=0)
    return Decoder(
        "node1", strict=False, settings=where, child_command=(sys.executable, "-c", program), wall_seconds=wall_seconds
    )


async def test_inline_and_child_agree() -> None:
    inline = await Decoder("node1", strict=False, settings=WHERE).decode(file(POD))
    in_child = await Decoder("node1", strict=False, settings=replace(WHERE, inline_bytes=0)).decode(file(POD))
    assert inline.accepted
    assert str(inline.pods[0].key) == "default/web-node1"
    assert any("unknownField" in message.message or "unknownField" in message.field for message in inline.messages)
    assert in_child == inline


async def test_strict_reaches_the_child() -> None:
    strict = await Decoder("node1", strict=True, settings=replace(WHERE, inline_bytes=0)).decode(file(POD))
    assert not strict.accepted
    assert strict == read_manifest(POD, node_name="node1", strict=True)


async def test_what_a_file_holds_reaches_the_child() -> None:
    secret = b"apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {a: b}\n"
    pod = POD.replace(b'value: "1"', b"valueFrom: {secretKeyRef: {name: db, key: a}}")
    for data, content, reason in (
        (secret, Content.OBJECTS, ""),
        (secret, Content.PODS_AND_REFERENCES, "NotAPod"),
        (pod, Content.PODS_AND_REFERENCES, ""),
        (pod, Content.PODS, "InvalidManifest"),
        (pod, Content.OBJECTS, "NotAnObject"),
    ):
        inline = await Decoder("node1", strict=False, settings=WHERE, content=content).decode(file(data))
        in_child = Decoder("node1", strict=False, settings=replace(WHERE, inline_bytes=0), content=content)
        assert inline.reason == reason
        assert await in_child.decode(file(data)) == inline


def test_a_reading_survives_the_wire() -> None:
    for data in (POD, b"", b"kind: [", POD + b"---\n" + POD.replace(b"name: web", b"name: other")):
        reading = read_manifest(data, node_name="node1", strict=False)
        assert decode_reading(encode_reading(reading)) == reading


async def test_a_large_file_is_decoded_in_a_child() -> None:
    reading = await Decoder("node1", strict=False, settings=WHERE).decode(file(padded(500_000)))
    assert reading.accepted
    assert str(reading.pods[0].key) == "default/web-node1"


@pytest.mark.attack("yaml-bomb")
@pytest.mark.parametrize("text", [b"[", b"- ", b"{a: "])
async def test_bombs_are_refused_while_the_loop_runs_on(text: bytes) -> None:
    where = replace(WHERE, max_file_bytes=16 << 20)
    async with asyncio.TaskGroup() as group:
        lag = Lag()
        lagging = group.create_task(lag.run())
        for size in (100_000, 9_000_000):
            reading = await Decoder("node1", strict=False, settings=where).decode(file(text * (size // len(text))))
            assert not reading.accepted
            assert reading.messages
        lagging.cancel()
    assert lag.worst < 0.1


async def test_a_valid_pod_of_nine_megabytes_costs_the_loop_nothing() -> None:
    where = replace(WHERE, max_file_bytes=16 << 20)
    entries = b"".join(b"    - {name: A%06d, value: x}\n" % number for number in range(330_000))
    data = POD.replace(b'    - {name: A, value: "1"}\n', entries)
    assert len(data) > 9_000_000
    async with asyncio.TaskGroup() as group:
        lag = Lag()
        lagging = group.create_task(lag.run())
        reading = await Decoder("node1", strict=False, settings=where).decode(file(data))
        assert not reading.accepted
        lagging.cancel()
    assert lag.worst < 0.1


async def test_many_small_files_leave_the_loop_its_turns() -> None:
    decoder = Decoder("node1", strict=False, settings=WHERE)
    costly = POD + b"".join(b"    u%d: 1\n" % number for number in range(650))
    assert 7_000 < len(costly) <= decoders.MOST_INLINE_BYTES
    async with asyncio.TaskGroup() as group:
        lag = Lag()
        lagging = group.create_task(lag.run())
        before = time.thread_time()
        for number in range(20):
            assert (await decoder.decode(file(costly + b"# %d\n" % number))).accepted
        whole = time.thread_time() - before
        lagging.cancel()
    print(f"{whole * 1e3:.0f} ms, {lag.worst * 1e3:.0f} ms at a time")
    assert lag.worst < whole / 2, "not all at once"


async def test_a_file_above_the_limit_never_reaches_the_parser() -> None:
    reading = await child("raise SystemExit(9)").decode(file(b"x" * (WHERE.max_file_bytes + 1)))
    assert reading.reason == "TooLarge"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (LIMIT_THEN + "x = [0] * (1 << 28)", "status 1"),
        ("raise SystemExit(3)", "512 MiB of memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "5 s of processor time"),
        ("print('hello')", "no reading"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "more than a node can hold"),
    ],
)
async def test_the_childs_death_is_a_verdict_and_is_remembered(program: str, said: str) -> None:
    decoder = child(program)
    reading = await decoder.decode(file(POD))
    assert reading.reason == "DecodeLimit"
    assert said in reading.messages[0].message
    assert await decoder.decode(file(POD)) is reading


async def test_a_child_without_an_end_is_killed_and_the_file_tried_again() -> None:
    decoder = child("import time; time.sleep(60)", wall_seconds=0.3)
    began = time.monotonic()
    first = await decoder.decode(file(POD))
    assert time.monotonic() - began < 30
    assert first.reason == "DecodeLimit"
    assert "longer than 0.3 s" in first.messages[0].message
    assert first.unsure
    assert await decoder.decode(file(POD)) is not first


async def test_the_processor_limit_holds() -> None:
    program = LIMIT_THEN + "resource.setrlimit(resource.RLIMIT_CPU, (1, 6))\nwhile True: pass"
    reading = await child(program).decode(file(POD))
    assert "processor time" in reading.messages[0].message


async def test_a_child_that_cannot_be_started_is_tried_again() -> None:
    decoder = Decoder(
        "node1", strict=False, settings=replace(WHERE, inline_bytes=0), child_command=("/nowhere/python",)
    )
    reading = await decoder.decode(file(POD))
    assert (reading.reason, reading.unsure) == ("DecodeUnavailable", True)


async def test_a_cancelled_decode_leaves_no_child() -> None:
    decoder, others = child("import time; time.sleep(60)"), children()
    decoding = asyncio.ensure_future(decoder.decode(file(POD)))
    await until(lambda: len(children() - others) == 1)
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    assert children() <= others


def children() -> set[int]:
    """Process ids of this process's living children."""
    found = set[int]()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


async def test_at_most_two_children_at_once() -> None:
    decoder, others = child("import time; time.sleep(0.4); raise SystemExit(3)"), children()
    decoding = [asyncio.ensure_future(decoder.decode(file(b"%d" % number))) for number in range(5)]
    most = 0
    while not all(one.done() for one in decoding):
        most = max(most, len(children() - others))
        await asyncio.sleep(0.02)
    assert most == 2


async def test_readings_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder("node1", strict=False, settings=WHERE)
    first = await decoder.decode(file(POD))
    assert await decoder.decode(file(POD)) is first
    monkeypatch.setattr(decoders, "CACHE_FILES", 3)
    for number in range(3):
        await decoder.decode(file(POD + b"# %d\n" % number))
    assert await decoder.decode(file(POD)) is not first
    assert await decoder.decode(file(POD)) == first


async def test_a_file_without_bytes_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="has no bytes"):
        await Decoder("node1", strict=False, settings=WHERE).decode(
            ManifestFile(name="a.yaml", path="/a.yaml", trouble=FileTrouble.PENDING, reason="BeingWritten")
        )
