"""`podstead uninstall`: the service away, its pods ended."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.commands.stop_all import stop_everything
from podstead.cli.endpoint import own_endpoint
from podstead.cli.installation import UNITS, Asked, Installation, own_programs
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say
from podstead.cli.purge import purge
from podstead.config.paths import paths_for
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.systemd.manager import Manager, is_booted
from podstead.systemd.units import AGENT_UNIT, CONTAINERD_UNIT, OPTIONS_FILE

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

STOP_SECONDS = 60.0
"""TimeoutStopSec of the agent's unit, and its abort."""


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - the agent is the machine's own, whatever is set
    """Run the command."""
    keep, dry = given.has("keep-pods"), given.has("dry-run")
    if given.words or given.rest:
        raise UsageError("uninstall takes no names")
    if given.value("root-dir") or given.value("socket"):
        raise UsageError(
            "uninstall ends the machine's own agent: another one is ended by 'podstead stop-all --root-dir DIR'"
        )
    if keep and given.has("purge"):
        raise UsageError("--purge removes what running pods need: leave out --keep-pods")
    root = Path(given.value("root", "/")).absolute()
    live = root == Path("/") and not dry
    if live:
        _stop(keep=keep, sure=given.has("yes"), purging=given.has("purge"))
    installation = Installation(own_programs(sys.argv[0], lasting=False), Asked(root=root, dry=dry))
    for placed in installation.take(edited=given.has("purge")):
        say(printable(installation.told(placed, taking=True)))
    if given.has("purge"):
        for line in purge(paths_for(None), (OPTIONS_FILE.parent, *_drop_ins()), root, dry=dry):
            say(printable(line))
    if dry:
        say("nothing was changed: this was a dry run")
        return 0
    if live and is_booted():
        from podstead.daemon.departing import let_logind_be

        let_logind_be()
        manager = Manager()
        manager.do("daemon-reload")
        for unit in (AGENT_UNIT, CONTAINERD_UNIT):
            manager.says("reset-failed", unit)
    if installation.packaged:
        say("the units are those of a package: 'apt remove podstead' takes them")
    if not given.has("purge"):
        say(f"state is in {paths_for(None).root}, manifests are in {OPTIONS_FILE.parent}: --purge removes them too")
    return 0


def _drop_ins() -> tuple[Path, ...]:
    return tuple(UNITS / f"{unit}.d" for unit in (AGENT_UNIT, CONTAINERD_UNIT))


def _stop(*, keep: bool, sure: bool, purging: bool) -> None:
    """End the agent, and with it the pods unless they are to be kept."""
    if os.geteuid() != 0:
        raise OperatorError("podstead uninstall must be root: say sudo podstead uninstall")
    if not (keep or sure) and not _confirmed(purging=purging):
        raise OperatorError("nothing was changed")
    manager = Manager() if is_booted() else None
    if manager is not None:
        manager.says("disable", AGENT_UNIT)  # said first: whatever comes in between, no boot starts it again
    if not keep:
        if (paths_for(None).root / "instance.json").exists():
            stop_everything(own_endpoint())
        else:
            say("no pods were ever run here")
    if manager is not None:
        for unit in (AGENT_UNIT, *(() if keep else (CONTAINERD_UNIT,))):
            if manager.state(unit) not in {"inactive", "failed", ""}:
                manager.do("stop", unit, seconds=STOP_SECONDS)
    if keep:
        say("pods run on until the machine stops: nobody looks after them, and no boot starts them again")


def _confirmed(*, purging: bool) -> bool:
    what = "Stop every pod of this node, remove the service"
    more = ", all state, logs and manifests" if purging else ""
    if not sys.stdin.isatty():
        raise UsageError("uninstall stops every pod of this node: add --yes where nobody can be asked, or --keep-pods")
    print(f"{what}{more}? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


COMMAND = Command(
    usage="uninstall [--purge] [FLAGS]",
    summary="Stop every pod and take away what 'podstead install' made.",
    run=run,
    options=(
        Option(name="yes", short="y", help="do not ask"),
        Option(name="keep-pods", help="leave pods and the private runtime running, for another agent to take over"),
        Option(name="purge", help="remove state, images, logs, manifests and options too; host paths of pods stay"),
        Option(
            name="root",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="take the files below DIR, of an image or a package; stop nothing",
        ),
        Option(name="dry-run", help="say what would be removed, and change nothing"),
    ),
    notes="Pods have their grace periods. What they keep in hostPath directories is never touched.\n"
    "Files that were edited stay, unless --purge is given.",
)
