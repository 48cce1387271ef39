"""Whatever somebody without the key does to the directory, no other bytes are parsed, and no pod goes.

Histories are random: the operator signs sets and delivers their files in any order, somebody else adds, removes, renames,
replays, rolls back, brings another node's files, loses the index, and turns the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podstead.signing.index import INDEX_FILE
from podstead.trust.contents import Kind
from podstead.trust.look import Judgement, judge
from podstead.trust.standing import stand
from podstead.trust.values import Moment, Past
from tests.unit.trust.sets import EXPIRES, NOW, YEAR_1970, Place, question, signed

if TYPE_CHECKING:
    from podstead.state.provenance import Provenance

NAMES = ("a.yaml", "b.yaml", "c.yaml")
CONTENTS = tuple(f"kind: Pod # {number}".encode() for number in range(4))
SIGNATURE = f"{INDEX_FILE}.sig"
CLOCKS = (YEAR_1970, NOW, EXPIRES + 10.0)


@dataclass
class World:
    """A node, its directory, and what the operator has ever signed."""

    place: Place = field(default_factory=Place)
    past: Past = field(default_factory=lambda: Past(floor=1))
    wall: float = NOW
    boot: float = 0.0
    waiting: dict[str, float] = field(default_factory=dict)
    admitted: dict[str, Provenance] = field(default_factory=dict)
    sets: dict[int, dict[str, bytes]] = field(default_factory=dict)
    others: list[Place] = field(default_factory=list)
    """Everything that was ever signed, for this node and for another, and lies about for whoever wants it."""

    def sign(self, files: dict[str, bytes]) -> Place:
        """Sign the next set, with signatures beside the single files too; nothing of it is delivered yet."""
        version = len(self.sets) + 1
        self.sets[version] = files
        made = Place()
        made.put(version, files)
        elsewhere = Place()
        elsewhere.put(version + 1, dict.fromkeys(NAMES, CONTENTS[0]), node="node2")
        made.files |= {f"{name}.sig": signed(data) for name, data in files.items()}
        self.others += [Place(dict(made.files)), elsewhere]
        return made

    def look(self) -> Judgement:
        """Look once, as the agent does: record what is accepted, and remember what was taken."""
        snapshot = self.place.look()
        asked = question(
            snapshot,
            past=self.past,
            now=Moment(wall=self.wall, boot=self.boot),
            waiting=self.waiting,
            admitted=self.admitted,
        )
        standing = stand(snapshot.companions, asked)
        if (held := standing.accept) is not None:
            self.past = Past(last=held.mark, floor=held.index.floor, kept=held, indexed=True)
        judged = judge(snapshot, Kind.MANIFEST, standing, asked)
        self.waiting = dict(judged.waiting)
        for file in judged.snapshot.files:
            if file.data is not None and file.provenance is not None:
                self.admitted[file.digest] = file.provenance
        return judged

    def version(self) -> int:
        """Return the version that is in force."""
        return self.past.last.version if self.past.last is not None else 0


def check(world: World, judged: Judgement) -> None:
    """Assert what must hold after each look."""
    in_force = world.sets.get(world.version(), {})
    ever = {data for files in world.sets.values() for data in files.values()}
    for file in judged.snapshot.files:
        if file.data is not None:
            assert file.data in ever, "bytes that nobody signed for this node"
            assert in_force.get(file.name) == file.data, "not what the set in force says under this name"
    if world.version():
        assert set(in_force) <= {file.name for file in judged.snapshot.files}, "an absence that removes a pod"


SETS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS), min_size=1)
ACTS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(NAMES), st.sampled_from(CONTENTS)),
    st.tuples(st.just("remove"), st.sampled_from((*NAMES, INDEX_FILE, SIGNATURE))),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("replay"), st.integers(0, 20), st.sampled_from((*NAMES, INDEX_FILE, SIGNATURE, "all"))),
    st.tuples(st.just("clock"), st.sampled_from(CLOCKS)),
    st.tuples(st.just("wait"), st.integers(0, 15)),
    st.tuples(st.just("sign"), SETS),
)


def attack(world: World, act: tuple[object, ...]) -> None:
    """Do one thing to the world."""
    files = world.place.files
    match act:
        case ("add", str(name), bytes(data)):
            files[name] = data
        case ("remove", str(name)):
            files.pop(name, None)
        case ("rename", str(name), str(to)) if name in files:
            files[to] = files.pop(name)
        case ("replay", int(number), str(what)):
            old = world.others[number % len(world.others)].files
            files.update(old if what == "all" else {name: old[name] for name in old if name.startswith(what)})
        case ("clock", float(wall)):
            world.wall = wall
        case ("wait", int(seconds)):
            world.boot += seconds
        case ("sign", dict(chosen)):
            world.sign(chosen)  # it is signed and on its way; who delivers is the attacker
        case _:
            pass  # renames what is not there


@pytest.mark.attack(
    "planted-pod", "edited-image", "rename", "replay", "deleted-index", "removed-file", "other-nodes-set"
)
@settings(max_examples=300, deadline=None)
@given(first=SETS, acts=st.lists(ACTS, max_size=25))
def test_no_history_without_the_key_gets_other_bytes_parsed_or_removes_a_pod(
    first: dict[str, bytes], acts: list[tuple[object, ...]]
) -> None:
    world = World()
    world.place = world.sign(first)
    world.look()
    assert world.version() == 1
    for act in acts:
        attack(world, act)
        check(world, world.look())


@settings(max_examples=150, deadline=None)
@given(first=SETS, acts=st.lists(ACTS, max_size=10), last=SETS, order=st.randoms(use_true_random=False))
def test_after_any_history_the_operators_next_set_is_taken_in_whatever_order_it_comes(
    first: dict[str, bytes], acts: list[tuple[object, ...]], last: dict[str, bytes], order: object
) -> None:
    world = World()
    world.place = world.sign(first)
    world.look()
    for act in acts:
        attack(world, act)
        world.look()
    world.wall = NOW
    made = world.sign(last)
    steps: list[tuple[str, bytes | None]] = [(name, data) for name, data in made.files.items()]
    steps += [(name, None) for name in world.place.files if name not in made.files]
    order.shuffle(steps)  # type: ignore[attr-defined]  # a random.Random
    for name, data in steps:
        if data is None:
            del world.place.files[name]
        else:
            world.place.files[name] = data
        world.boot += 1.0
        check(world, world.look())

    judged = world.look()

    assert {file.name: file.data for file in judged.snapshot.files} == last
    assert not judged.findings


def test_the_histories_do_admit_something() -> None:
    """A model that refuses everything would pass the others."""
    world = World()
    world.place = world.sign({"a.yaml": CONTENTS[0]})
    first = world.look()
    world.place = world.sign({"a.yaml": CONTENTS[1]})
    second = world.look()

    assert [file.data for file in first.snapshot.files] == [CONTENTS[0]]
    assert [file.data for file in second.snapshot.files] == [CONTENTS[1]]
