"""What the gate adds to a plan, and what it takes from it."""

from __future__ import annotations

from podstead.agent.gate import gated
from podstead.agent.session import PodSession
from podstead.reconcile.actions import FallBack, NoteProgress, PodActions
from podstead.state.records import Progress
from tests.unit.reconcile.test_progress import NEW, OLD, since, world
from tests.unit.reconcile.world import BOOT, container


def test_what_comes_back_is_not_stopped_for_what_failed() -> None:
    """The agent was away over the deadline: the old container still runs, and the new revision was never started."""
    given = world(NEW, OLD)
    given.containers = [container(rev="r1")]
    desired = since(given, 900.0, OLD)
    session = PodSession(record=desired.record, revisions={OLD.id: OLD, NEW.id: NEW})
    assert session.record.progress == Progress(boot_id=BOOT, since=900.0)
    plan = given.plan()
    observed = given.observed()
    actions = gated(session, observed, plan, given.instant(), ready=False)
    assert actions.steps == (FallBack(revision=NEW.id, target=OLD.id),)
    ready = gated(session, observed, PodActions(), given.instant(), ready=True)
    assert ready.steps == (NoteProgress(revision=NEW.id, progress=None),), "late, but ready"
