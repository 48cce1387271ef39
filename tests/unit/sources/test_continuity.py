"""Certainty of absence, without a file system."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podstead.sources.continuity import Absences, Continuity

ETC, EMPTY, MOUNT, OTHER_MOUNT = "directory:1:a", "directory:1:b", (1, 20), (1, 21)


def test_the_first_directory_is_adopted() -> None:
    continuity = Continuity(None)
    assert continuity.judge(ETC, MOUNT, names=(), expected=("a.yaml",), accepted=False) is None
    assert continuity.identity == ETC


def test_another_directory_without_the_expected_files_is_strange_until_the_first_is_back() -> None:
    continuity = Continuity(ETC)
    assert continuity.judge(ETC, MOUNT, names=("a.yaml",), expected=("a.yaml",), accepted=False) is None
    strange = continuity.judge(EMPTY, MOUNT, names=(), expected=("a.yaml",), accepted=False)
    assert strange is not None
    assert "a.yaml" in strange
    assert "podstead accept-directory" in strange
    assert continuity.identity == ETC
    assert continuity.judge(ETC, MOUNT, names=(), expected=("a.yaml",), accepted=False) is None


def test_a_remount_is_strange_in_this_process_only() -> None:
    continuity = Continuity(ETC)
    assert continuity.judge(ETC, MOUNT, names=("a.yaml",), expected=("a.yaml",), accepted=False) is None
    assert continuity.judge(ETC, OTHER_MOUNT, names=(), expected=("a.yaml",), accepted=False) is not None
    assert Continuity(ETC).judge(ETC, OTHER_MOUNT, names=(), expected=("a.yaml",), accepted=False) is None


def test_every_expected_file_back_adopts_the_new_directory() -> None:
    continuity = Continuity(ETC)
    names = ("a.yaml", "b.yaml", "new.yaml")
    assert continuity.judge(EMPTY, MOUNT, names=names, expected=("a.yaml", "b.yaml"), accepted=False) is None
    assert continuity.identity == EMPTY


def test_root_accepts_a_new_directory_as_it_is() -> None:
    continuity = Continuity(ETC)
    assert continuity.judge(EMPTY, MOUNT, names=(), expected=("a.yaml",), accepted=True) is None
    assert continuity.identity == EMPTY


def test_a_long_list_of_missing_files_is_cut() -> None:
    strange = Continuity(ETC).judge(EMPTY, MOUNT, names=(), expected=[f"{n}.yaml" for n in range(9)], accepted=False)
    assert strange is not None
    assert "0.yaml, 1.yaml, 2.yaml and 6 more" in strange


def test_absence_needs_two_looks_a_second_apart() -> None:
    absences = Absences(1.0)
    absences.look(0.0, 0.0, ["a", "b"])
    assert not absences.certain
    absences.look(10.0, 10.0, ["b"])
    assert absences.certain
    assert absences.recent == {"a", "b"}
    assert absences.next_look_at == 11.0
    absences.look(10.9, 10.9, ["b"])
    assert absences.recent == {"a", "b"}
    absences.look(11.0, 11.0, ["b"])
    assert absences.recent == {"b"}
    assert absences.next_look_at is None


def test_a_slow_look_counts_from_its_end() -> None:
    absences = Absences(1.0)
    absences.look(0.0, 0.0, ["a"])
    absences.look(10.0, 10.8, [])
    absences.look(11.1, 11.2, [])
    assert absences.recent == {"a"}
    absences.look(11.8, 11.9, [])
    assert absences.recent == frozenset()


def test_a_file_that_comes_back_starts_over() -> None:
    absences = Absences(1.0)
    absences.look(0.0, 0.0, ["a"])
    absences.look(5.0, 5.0, [])
    absences.saw("a")
    absences.look(6.0, 6.0, [])
    assert absences.recent == {"a"}


def test_a_name_lost_by_a_named_look_needs_a_full_look_a_second_later() -> None:
    absences = Absences(1.0)
    absences.look(0.0, 0.0, ["a"])
    absences.look(5.0, 5.0, ["a"])
    absences.lost("a", 6.0)
    absences.lost("never", 6.0)
    assert absences.recent == {"a"}
    absences.look(6.1, 6.1, [])
    assert absences.recent == {"a"}
    absences.look(7.0, 7.0, [])
    assert absences.recent == frozenset()


def test_an_interruption_starts_the_run_over() -> None:
    absences = Absences(1.0)
    absences.look(0.0, 0.0, ["a"])
    absences.look(2.0, 2.0, ["a"])
    assert absences.certain
    absences.interrupt()
    assert not absences.certain
    assert absences.next_look_at is None
    absences.look(3.0, 3.0, [])
    assert not absences.certain
    assert absences.next_look_at == 4.0
    absences.look(4.0, 4.0, [])
    assert absences.certain


@given(st.lists(st.tuples(st.floats(0.01, 2.0), st.booleans(), st.booleans()), max_size=30))
def test_a_name_seen_within_the_last_second_never_counts_as_gone(steps: list[tuple[float, bool, bool]]) -> None:
    absences, now, last_seen, run = Absences(1.0), 0.0, None, None
    for wait, there, healthy in steps:
        now += wait
        if not healthy:
            absences.interrupt()
            run = None
            continue
        run = now if run is None else run
        absences.look(now, now, ["a"] if there else [])
        last_seen = now if there else last_seen
        gone = absences.certain and "a" not in absences.recent
        if last_seen is not None and now - last_seen < 1.0:
            assert not gone
        if now - run < 1.0:
            assert not gone
