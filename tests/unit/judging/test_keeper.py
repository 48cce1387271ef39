"""Which policy is in force: never an earlier one, or none, while the file of now is being read."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from podstead.judging.keeper import PolicyKeeper, PolicyTrouble
from podstead.judging.process import JudgingProcess

if TYPE_CHECKING:
    from pathlib import Path

POLICY = b"apiVersion: podstead.io/v1\nkind: NodePolicy\npodSecurity: {level: baseline}\n"


class File:
    """A policy file whose reading can be held up, or fail by a mistake."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_bytes(POLICY)
        self.readable = threading.Event()
        self.readable.set()
        self.mistakes = 0

    def read(self, path: Path) -> bytes:
        assert self.readable.wait(10)
        if self.mistakes:
            self.mistakes -= 1
            raise RuntimeError("a mistake of ours")
        return path.read_bytes()

    def keeper(self) -> PolicyKeeper:
        return PolicyKeeper(self.path, self.read, JudgingProcess(), required=False)


async def test_who_asks_while_the_policy_is_read_waits_for_it(tmp_path: Path) -> None:
    file = File(tmp_path / "policy.yaml")
    file.readable.clear()
    keeper = file.keeper()
    asked = [asyncio.ensure_future(keeper.current()) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in asked)

    file.readable.set()

    assert [(await one).data for one in asked] == [POLICY, POLICY]


async def test_a_reading_that_did_not_end_is_done_again(tmp_path: Path) -> None:
    file = File(tmp_path / "policy.yaml")
    file.mistakes = 1
    keeper = file.keeper()
    with pytest.raises(RuntimeError):
        await keeper.current()
    assert (await keeper.current()).data == POLICY

    file.path.write_bytes(POLICY + b"# newer\n")
    file.readable.clear()
    given_up = asyncio.ensure_future(keeper.current())
    await asyncio.sleep(0.05)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    file.readable.set()
    assert (await keeper.current()).data == POLICY + b"# newer\n"


async def test_an_index_lets_only_the_policy_that_it_lists_come_into_force(tmp_path: Path) -> None:
    file = File(tmp_path / "policy.yaml")
    keeper = file.keeper()
    keeper.listed = lambda: "0" * 64
    found = await keeper.current()
    assert (found.policy, found.closed, found.trouble) == (None, True, PolicyTrouble.UNTRUSTED)

    file.path.unlink()
    found = await keeper.current()
    assert (found.policy, found.closed, found.trouble) == (None, True, PolicyTrouble.MISSING)

    keeper.listed = lambda: ""
    found = await keeper.current()
    assert (found.policy, found.closed, found.problem) == (None, False, "")
