"""When to look next, and at what."""

from __future__ import annotations

import math

from podstead.sources.agenda import Agenda, Wish


def begun() -> Agenda:
    """An agenda after the first full look."""
    agenda = Agenda()
    assert agenda.take(0.0) == Wish(names=None)
    return agenda


def test_the_first_full_look_is_due_at_once_and_only_once() -> None:
    agenda = begun()
    assert agenda.take(0.0) is None
    assert agenda.full_at == math.inf


def test_a_full_look_is_made_at_its_time_and_not_while_the_last_one_lets_rest() -> None:
    agenda = begun()
    agenda.rest_until(5.0)
    agenda.ask(9.0)
    agenda.ask(1.0)
    assert agenda.take(4.9) is None
    assert agenda.take(5.0) == Wish(names=None)
    assert agenda.take(99.0) is None


def test_names_whose_writers_are_done_are_looked_at_at_once_with_those_that_left() -> None:
    agenda = begun()
    agenda.heard(closed={"new"}, left={"old"})
    assert agenda.take(0.0) == Wish(names=frozenset({"new", "old"}), closed=frozenset({"new"}))
    assert agenda.take(0.0) is None


def test_what_left_alone_calls_for_no_look_and_goes_with_the_next() -> None:
    agenda = begun()
    agenda.heard(closed=(), left={"old"})
    assert agenda.take(0.0) is None
    agenda.heard(closed={"new"}, left=())
    assert agenda.take(0.0) == Wish(names=frozenset({"new", "old"}), closed=frozenset({"new"}))


def test_a_full_look_takes_everything_along() -> None:
    agenda = begun()
    agenda.leave_to_full({"a"})
    agenda.heard(closed={"b"}, left={"c"})
    agenda.ask(1.0)
    assert agenda.take(1.0) == Wish(names=None, closed=frozenset({"a", "b"}))
    agenda.ask(2.0)
    assert agenda.take(2.0) == Wish(names=None)


def test_what_a_named_look_could_not_take_in_waits_for_the_full_one() -> None:
    agenda = begun()
    agenda.leave_to_full({"a"})
    agenda.heard(closed={"b"}, left=())
    assert agenda.take(0.0) == Wish(names=frozenset({"b"}), closed=frozenset({"b"}))
    agenda.ask(1.0)
    assert agenda.take(1.0) == Wish(names=None, closed=frozenset({"a"}))


def test_somebody_who_waits_is_answered_while_the_directory_rests() -> None:
    agenda = begun()
    agenda.rest_until(5.0)
    agenda.ask(5.0)
    agenda.poke()
    assert agenda.take(0.0) == Wish(names=None, asked=True)
    assert agenda.take(5.0) is None
