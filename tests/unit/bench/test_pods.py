"""The pods of the benchmark tell that they run, and are measured by the file's own time."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest
from bench import pods
from bench.pods import BenchError, BenchPod, marked

if TYPE_CHECKING:
    from pathlib import Path


def test_an_edit_changes_the_environment_and_the_mark_only(tmp_path: Path) -> None:
    pod = BenchPod(name="floor-1", out=tmp_path)
    before, after = json.loads(pod.manifest()), json.loads(pod.edited().manifest())
    assert after["spec"]["containers"][0].pop("env") == [{"name": "REVISION", "value": "2"}]
    assert before["spec"]["containers"][0].pop("env") == [{"name": "REVISION", "value": "1"}]
    assert before == after
    assert pod.edited().mark == tmp_path / "floor-1.2"


async def test_a_start_is_timed_by_the_file_not_by_the_look(tmp_path: Path) -> None:
    pod = BenchPod(name="floor-1", out=tmp_path)
    waiting = asyncio.create_task(marked(pod, 1000.0))
    await asyncio.sleep(0.05)
    pod.mark.touch()
    os.utime(pod.mark, (1000.25, 1000.25))
    assert await waiting == pytest.approx(0.25)


async def test_an_old_file_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "DEADLINE_SECONDS", 0.05)
    pod = BenchPod(name="floor-1", out=tmp_path)
    pod.mark.touch()
    os.utime(pod.mark, (999.9, 999.9))
    with pytest.raises(BenchError, match="pod floor-1 did not start"):
        await marked(pod, 1000.0)
