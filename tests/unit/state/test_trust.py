"""The record of the node's trust: versions, floors and modes that only rise by themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.config.security import SignatureMode
from podstead.signing.index import Index, IndexMark
from podstead.state.trust import (
    EMPTY,
    LOST,
    Lowering,
    TrustRecord,
    TrustRefusal,
    initialised,
    lowered,
    mode_in_force,
    with_index,
    with_mode,
)

OFF, WARN, ENFORCE = SignatureMode
MARK = IndexMark(version=5, digest="ab")


@pytest.mark.attack("lowered-mode")
@given(st.lists(st.sampled_from(SignatureMode), min_size=1))
def test_a_mode_never_falls_by_configuration(configured: list[SignatureMode]) -> None:
    record = EMPTY
    strictest = OFF
    for mode in configured:
        holds, said = mode_in_force(mode, record)
        strictest = max(strictest, mode, key=lambda one: one.strictness)
        assert holds is strictest
        assert bool(said) == (holds is not mode)
        record = with_mode(record, holds)


def test_root_lowers_a_mode_with_a_reason() -> None:
    record = TrustRecord(mode=ENFORCE)
    assert "podstead trust lower --mode warn --reason TEXT" in mode_in_force(WARN, record)[1]
    after = lowered(record, WARN, "keys were lost", 100.0)
    assert (after.mode, after.lowering) == (WARN, Lowering(reason="keys were lost", at=100.0))
    assert mode_in_force(WARN, after) == (WARN, "")
    assert mode_in_force(ENFORCE, after) == (ENFORCE, "")
    assert with_mode(after, ENFORCE) == record
    for mode, reason, said in (
        (ENFORCE, "x", "the last mode in force is enforce, and enforce is not lower"),
        (WARN, " ", "a reason is due"),
        (WARN, "x" * 501, "500 are the most"),
    ):
        with pytest.raises(TrustRefusal, match=said):
            lowered(record, mode, reason, 1.0)


def test_an_index_raises_the_floor_and_never_lets_it_fall() -> None:
    index = Index(nodes=("*",), version=5, issued=0, expires=1, floor=3)
    assert with_index(EMPTY, index, MARK) == TrustRecord(accepted=MARK, floor=3)
    assert with_index(TrustRecord(floor=4), index, MARK).floor == 4
    assert with_index(LOST, index, MARK) == TrustRecord(accepted=MARK, floor=3, mode=ENFORCE, signers=None)


def test_root_gives_a_floor() -> None:
    assert initialised(EMPTY, 7).floor == 7
    assert initialised(LOST, 7) == TrustRecord(mode=ENFORCE, floor=7, signers=None), "of signers it says nothing"
    with pytest.raises(TrustRefusal, match="the floor is 7 already, and it only rises"):
        initialised(TrustRecord(floor=7), 6)
    with pytest.raises(TrustRefusal, match="would end it"):
        initialised(TrustRecord(accepted=MARK, floor=1), 6)
    assert initialised(TrustRecord(accepted=MARK, floor=1), 5) == replace(TrustRecord(accepted=MARK), floor=5)
