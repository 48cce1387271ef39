"""Signatures and the signed index: read as carefully as manifests, and no part of the set of manifests."""

from __future__ import annotations

import dataclasses
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from podstead.sources.names import INDEX_NAME, MAX_INDEX_BYTES, MAX_SIGNATURE_BYTES
from podstead.state.sources import FileTrouble
from tests.unit.sources.viewer import Viewer, data_of, file_of, reason_of, settings

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.config.sources import SourceSettings
    from podstead.state.sources import SourceSnapshot

INDEX_SIGNATURE = INDEX_NAME + ".sig"


def asking(path: Path, **changes: float) -> SourceSettings:
    """Settings of an agent that verifies."""
    return dataclasses.replace(settings(path, **changes), companions=True)


def held(snapshot: SourceSnapshot) -> dict[str, bytes | None]:
    """Return what the companions hold."""
    return {name: file.data for name, file in snapshot.companions.items()}


def has(companions: dict[str, bytes], snapshot: SourceSnapshot, manifest: bytes | None = None) -> bool:
    """Return whether a look has exactly these companions, and `a.yaml` this content."""
    return held(snapshot) == companions and data_of(snapshot, "a.yaml") == manifest


async def test_they_are_read_beside_the_manifests_and_listed_nowhere_else(manifests: Path) -> None:
    for name in ("a.yaml", "a.yaml.sig", "b.json", "c.yaml.bak", INDEX_NAME, INDEX_SIGNATURE):
        (manifests / name).write_bytes(name.encode())
    async with Viewer(asking(manifests)) as viewer:
        last = await viewer.until(
            lambda snapshot: snapshot.certain and len(snapshot.companions) == 3 and None not in held(snapshot).values()
        )
    assert held(last) == {name: name.encode() for name in ("a.yaml.sig", INDEX_NAME, INDEX_SIGNATURE)}
    assert {file.name: file.reason for file in last.files} == {"a.yaml": "", "b.json": "", "c.yaml.bak": "BackupFile"}
    assert last.companions["a.yaml.sig"].path == f"{manifests}/a.yaml.sig"


async def test_nobody_who_does_not_ask_reads_them(manifests: Path) -> None:
    for name in ("a.yaml", "a.yaml.sig", INDEX_NAME):
        (manifests / name).write_bytes(b"one")
    async with Viewer(settings(manifests)) as viewer:
        last = await viewer.content("a.yaml", b"one")
    assert not last.companions
    assert (reason_of(last, "a.yaml.sig"), reason_of(last, INDEX_NAME)) == ("SignatureOnly", "SignaturesOff")


async def test_a_signature_of_nothing_is_left_alone_and_said(manifests: Path) -> None:
    (manifests / "a.yaml").write_bytes(b"one")
    (manifests / "gone.yaml.sig").write_bytes(b"two")
    async with Viewer(asking(manifests)) as viewer:
        last = await viewer.content("a.yaml", b"one")
        assert not last.companions
        assert reason_of(last, "gone.yaml.sig") == "SignatureOnly"
        (manifests / "gone.yaml").write_bytes(b"back")
        last = await viewer.until(lambda snapshot: held(snapshot).get("gone.yaml.sig") is not None)
        assert held(last) == {"gone.yaml.sig": b"two"}


async def test_the_index_is_seen_the_moment_it_is_renamed_into_place(manifests: Path) -> None:
    async with Viewer(asking(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        delays = []
        for number in range(10):
            content = b"%d" % number
            (manifests / INDEX_SIGNATURE).write_bytes(content)
            (manifests / ".new").write_bytes(content)
            done = time.monotonic()
            (manifests / ".new").rename(manifests / INDEX_NAME)
            await viewer.until(partial(has, {INDEX_NAME: content, INDEX_SIGNATURE: content}))
            delays.append(next(at for at, seen in viewer.seen if held(seen).get(INDEX_NAME) == content) - done)
        assert min(delays) < 0.2, f"{min(delays) * 1e3:.1f} ms at the least"


async def test_both_orders_of_writing_a_pair_end_in_one_look_with_both(manifests: Path) -> None:
    async with Viewer(asking(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain)
        for number, order in enumerate((("a.yaml", "a.yaml.sig"), ("a.yaml.sig", "a.yaml"))):
            for name in order:
                (manifests / name).write_bytes(b"%d" % number)
            await viewer.until(partial(has, {"a.yaml.sig": b"%d" % number}, manifest=b"%d" % number))


async def test_a_removed_signature_is_gone_from_the_look_and_its_file_stays(manifests: Path) -> None:
    for name in ("a.yaml", "a.yaml.sig"):
        (manifests / name).write_bytes(b"one")
    async with Viewer(asking(manifests)) as viewer:
        await viewer.until(lambda snapshot: snapshot.certain and "a.yaml.sig" in snapshot.companions)
        (manifests / "a.yaml.sig").unlink()
        last = await viewer.until(lambda snapshot: not snapshot.companions)
        assert data_of(last, "a.yaml") == b"one"
    assert not viewer.ever_gone("a.yaml")


async def test_a_companion_is_no_less_refused_than_a_manifest(manifests: Path) -> None:
    for name in ("fifo.yaml", "large.yaml", "link.yaml", "twice.yaml"):
        (manifests / name).write_bytes(b"one")
    os.mkfifo(manifests / "fifo.yaml.sig")
    (manifests / "link.yaml.sig").symlink_to("large.yaml")
    os.link(manifests / "twice.yaml", manifests / "twice.yaml.sig")
    for name, size in (("large.yaml.sig", MAX_SIGNATURE_BYTES + 1), (INDEX_NAME, MAX_INDEX_BYTES + 1)):
        with (manifests / name).open("wb") as file:
            file.truncate(size)
    async with Viewer(asking(manifests)) as viewer:
        last = await viewer.until(lambda snapshot: len(snapshot.companions) == 5)
    assert {name: (file.trouble, file.reason) for name, file in last.companions.items()} == {
        "fifo.yaml.sig": (FileTrouble.REFUSED, "IsFifo"),
        "link.yaml.sig": (FileTrouble.REFUSED, "SymbolicLink"),
        "twice.yaml.sig": (FileTrouble.REFUSED, "HardLink"),
        "large.yaml.sig": (FileTrouble.REFUSED, "TooLarge"),
        INDEX_NAME: (FileTrouble.REFUSED, "TooLarge"),
    }


async def test_a_file_that_comes_with_companions_is_gone_as_any_other(manifests: Path) -> None:
    for name in ("a.yaml", "a.yaml.sig", INDEX_NAME):
        (manifests / name).write_bytes(b"one")
    async with Viewer(asking(manifests)) as viewer:
        await viewer.until(
            lambda snapshot: snapshot.certain and len(held(snapshot)) == 2 and None not in held(snapshot).values()
        )
        (manifests / "a.yaml").unlink()
        last = await viewer.until(lambda snapshot: snapshot.gone("a.yaml"))
    assert file_of(last, "a.yaml") is None
    assert held(last) == {INDEX_NAME: b"one"}


async def test_a_single_file_has_its_signature_and_the_index_beside_it(manifests: Path) -> None:
    for name in ("a.yaml", "a.yaml.sig", "b.yaml", "b.yaml.sig", INDEX_NAME):
        (manifests / name).write_bytes(name.encode())
    async with Viewer(asking(manifests / "a.yaml")) as viewer:
        await viewer.until(lambda snapshot: len(snapshot.companions) == 2 and None not in held(snapshot).values())
        (manifests / "a.yaml.sig").write_bytes(b"new")
        last = await viewer.until(lambda snapshot: held(snapshot).get("a.yaml.sig") == b"new")
    assert held(last) == {"a.yaml.sig": b"new", INDEX_NAME: INDEX_NAME.encode()}


async def test_a_crowd_of_signatures_costs_no_manifest_and_no_index(manifests: Path) -> None:
    for number in range(5000):
        (manifests / f"{number}.yaml.sig").touch()
    for name in ("z.yaml", "z.yaml.sig", INDEX_NAME):
        (manifests / name).write_bytes(b"one")
    async with Viewer(asking(manifests, max_files=20)) as viewer:
        last = await viewer.until(
            lambda snapshot: snapshot.certain and len(held(snapshot)) == 2 and None not in held(snapshot).values()
        )
    assert held(last) == {"z.yaml.sig": b"one", INDEX_NAME: b"one"}
    assert data_of(last, "z.yaml") == b"one"
    assert len(last.files) <= 501
