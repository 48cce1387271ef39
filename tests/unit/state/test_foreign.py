"""What a runtime holds that is not ours: labels prove nothing, ids do."""

from __future__ import annotations

from dataclasses import replace

from podstead.agent.made import Made
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID, SandboxID
from podstead.state.foreign import FORGED, UNLABELLED, UNRECORDED, Listing, foreign_images, foreign_pods, foreign_tasks
from podstead.state.observed import ContainerState, ObservedContainer, ObservedSandbox
from podstead.state.runtime import Image

UID = PodUID("uid-1")
SANDBOX = ObservedSandbox(
    id=SandboxID("box"),
    key=PodKey("default", "web"),
    uid=UID,
    instance="ours",
    attempt=0,
    ready=True,
    created_at=1,
    host_network=True,
)
CONTAINER = ObservedContainer(
    id=ContainerID("one"),
    sandbox_id=SandboxID("box"),
    uid=UID,
    instance="ours",
    name="main",
    attempt=0,
    state=ContainerState.RUNNING,
    created_at=1,
    image="web:1",
)
BOTH = Listing(sandboxes=(SANDBOX,), containers=(CONTAINER,))


def why(listing: Listing, made: Made, *earlier: str) -> list[tuple[str, str]]:
    return [(one.id, one.why) for one in foreign_pods(listing, "ours", earlier, made)]


def test_what_was_there_before_is_its_predecessors() -> None:
    assert why(BOTH, Made(), "box", "one") == []


def test_a_copied_label_makes_nothing_ours() -> None:
    assert why(BOTH, Made()) == [("box", FORGED), ("one", FORGED)]
    other = Listing(sandboxes=(replace(SANDBOX, instance=""),), containers=(replace(CONTAINER, instance="x"),))
    assert why(other, Made(), "box", "one") == [("box", UNLABELLED), ("one", UNLABELLED)]


def test_a_pod_without_a_record_is_told_of_and_never_stopped() -> None:
    found = list(foreign_pods(BOTH, "ours", {"box", "one"}, Made(), {UID}))
    assert [(one.id, one.why, one.running) for one in found] == [("box", UNRECORDED, False)]


def test_what_was_made_or_may_have_been_is_ours() -> None:
    made = Made()
    made.asked(UID, "", 0)
    made.asked(UID, "main", 0)
    assert why(BOTH, made) == [], "the replies are on their way, or lost"
    made.made(SandboxID("box"), UID, "", 0)
    made.made(ContainerID("one"), UID, "main", 0)
    assert why(BOTH, made) == []
    second = Listing(sandboxes=(replace(SANDBOX, id=SandboxID("twin")),), containers=())
    assert why(second, made) == [("twin", FORGED)], "a name and an attempt that were answered for are nobody else's"


def test_an_older_list_makes_nothing_forgotten() -> None:
    made = Made()
    made.made(SandboxID("box"), UID, "", 0)
    made.keep((), {UID})  # a list that was begun before the sandbox was there
    assert why(Listing(sandboxes=(SANDBOX,), containers=()), made) == []
    made.keep((), {UID})
    assert why(Listing(sandboxes=(SANDBOX,), containers=()), made) == [("box", FORGED)]
    made.asked(UID, "main", 0)
    made.keep((), set())
    assert not made.is_ours("one", UID, "main", 0), "its pod has ended, and with it what was awaited"


LATE = Listing(
    sandboxes=(replace(SANDBOX, revision=RevisionID("r1")),),
    containers=(replace(CONTAINER, revision=RevisionID("r1")),),
)
CALLS = (((UID, "", 0), RevisionID("r1")), ((UID, "main", 0), RevisionID("r1")))


def heir(*calls: tuple[tuple[PodUID, str, int], RevisionID]) -> Made:
    made = Made()
    made.inherit(calls)
    return made


def test_the_first_that_an_earlier_agent_s_call_makes_is_ours() -> None:
    made = heir(*CALLS)
    made.recognise(LATE, "ours", ())
    assert why(LATE, made) == []
    twin = Listing(sandboxes=(replace(LATE.sandboxes[0], id=SandboxID("twin")),), containers=())
    made.recognise(twin, "ours", ())
    assert why(twin, made) == [("twin", FORGED)]


def test_what_an_earlier_agent_did_not_note_is_nobody_s() -> None:
    for made in (heir(), heir(((UID, "", 1), RevisionID("r1"))), heir(((UID, "", 0), RevisionID("r2")))):
        made.recognise(LATE, "ours", ())
        assert why(LATE, made) == [("box", FORGED), ("one", FORGED)]
    answered = heir(*CALLS)
    answered.begin(LATE)
    other = Listing(sandboxes=(replace(LATE.sandboxes[0], id=SandboxID("later")),), containers=())
    answered.recognise(other, "ours", ("box", "one"))
    assert why(other, answered, "box", "one") == [("later", FORGED)]
    over = heir(*CALLS)
    over.disinherit()
    over.recognise(LATE, "ours", ())
    assert why(LATE, over) == [("box", FORGED), ("one", FORGED)]
    ended = heir(*CALLS)
    ended.keep((), set())
    ended.recognise(LATE, "ours", ())
    assert why(LATE, ended) == [("box", FORGED), ("one", FORGED)]


def test_a_container_in_somebody_else_s_sandbox_is_no_earlier_agent_s() -> None:
    made = heir(CALLS[1])
    made.recognise(LATE, "ours", ())
    assert why(LATE, made) == [("box", FORGED), ("one", FORGED)]
    made = heir(CALLS[1])
    made.recognise(LATE, "ours", ("box",))
    assert why(LATE, made, "box") == []
    made = heir(*CALLS)
    made.recognise(LATE, "another", ())
    assert why(LATE, made) == [("box", FORGED), ("one", FORGED)]


def test_tasks_that_the_interface_does_not_list() -> None:
    tasks = frozenset({("k8s.io", "box"), ("k8s.io", "one"), ("k8s.io", "hidden"), ("other", "one")})
    listing = replace(BOTH, tasks=tasks)
    found = [(one.name, one.namespace, one.running) for one in foreign_tasks(listing)]
    assert found == [("k8s.io/hidden", "k8s.io", False), ("other/one", "other", True)]
    assert [one.running for one in foreign_tasks(listing, {("k8s.io", "hidden")})] == [True, True]


def test_images_that_nobody_knows() -> None:
    images = (
        Image(id="a", tags=("web:1",)),
        Image(id="b", tags=("evil:1",)),
        Image(id="c"),
        Image(id="d", pinned=True),
    )
    found = list(foreign_images(Listing(sandboxes=(), containers=(), images=images), {"a"}))
    assert [(one.id, one.name) for one in found] == [("b", "evil:1"), ("c", "without a name")]


def test_a_sentence_says_what_it_is() -> None:
    (_, one) = foreign_pods(BOTH, "other", (), Made())
    assert one.sentence == "container main (one) of image web:1: nothing says that it is this agent's"
    hostile = replace(one, name="\x1b[2J\n\u202eevil", image="<\x1b]0;x>")
    assert "\x1b" not in hostile.sentence
    assert "\n" not in hostile.sentence
    assert "\u202e" not in hostile.sentence
