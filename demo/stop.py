"""`make stop`: ends what `make run` started; the data stay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from demo.checks import check_root
from demo.errors import DemoError
from demo.node import Node
from demo.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.places import Places

POD_SECONDS = 60.0
"""The pod's grace period is 30 s; MySQL takes 2 s of it."""


def stop(places: Places, say: Callable[[str], None]) -> int:
    """End the pods and the agent, or only the article's pod where the agent was not the demo's; idempotent."""
    check_root()
    record, node = Record(places), Node(places)
    made = record.read()
    if not record.exists:
        say("nothing to stop: the demo was not run here")
        return 0
    if made.agent:
        if node.running():
            record.add(trees=tuple(node.log_directories()))
        if (places.state / "instance.json").exists():
            node.command("stop-all", "--yes", say=say)
            node.wait_ended()
        record.set_agent(ours=False)
    elif node.running() and str(places.manifest) in made.files:
        places.manifest.unlink(missing_ok=True)
        _wait_gone(node, say)
    say(f"stopped; the data are in {places.data}, 'make run' goes on with them")
    return 0


def _wait_gone(node: Node, say: Callable[[str], None]) -> None:
    say("waiting for the pod to end")
    deadline = time.monotonic() + POD_SECONDS
    while node.pod() is not None:
        if time.monotonic() > deadline:
            raise DemoError(f"the pod has not ended within {POD_SECONDS:.0f} s: see 'podstead status'")
        time.sleep(0.25)
