"""Blocking calls that may never answer."""

from __future__ import annotations

import threading

import pytest

from podstead.threads import PathThreads, StuckError


async def test_no_thread_to_be_had_is_a_path_without_an_answer_for_this_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent's cgroup is at its limit of processes: that is no mistake of ours that ends the loop that asked."""
    threads = PathThreads()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StuckError, match="no thread can be started"):
            await threads.run("/data", lambda: 1)
    assert await threads.run("/data", lambda: 1) == 1
