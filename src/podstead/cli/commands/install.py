"""`podstead install`: the agent as a service of systemd."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient, AgentUnreachableError, ApiRefusedError
from podstead.cli.command import Command
from podstead.cli.endpoint import own_endpoint
from podstead.cli.installation import Asked, Installation, own_programs, program_remarks
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import say, tell
from podstead.cli.run_flags import parse_run_flags
from podstead.containerd.locate import find_programs
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.systemd.manager import START_SECONDS, Manager, is_booted, last_words
from podstead.systemd.placing import Outcome
from podstead.systemd.units import AGENT_UNIT, MANIFESTS, OPTIONS_FILE

if TYPE_CHECKING:
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

RESTART = "systemctl restart podstead"


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - the agent is the machine's own, whatever is set
    """Run the command."""
    asked = _asked(given)
    live = asked.root == Path("/")
    if live and not asked.dry:
        _check_machine(asked, own_endpoint())
    installation = Installation(own_programs(sys.argv[0], asked.root), asked)
    for remark in program_remarks(installation.programs.program) if live else ():
        tell(f"WARNING: {printable(remark)}")
    changed = False
    for placed in installation.place():
        changed = changed or placed.outcome in {Outcome.MADE, Outcome.UPDATED}
        say(printable(installation.told(placed)))
    if asked.dry:
        say("nothing was changed: this was a dry run")
        return 0
    if not live:
        installation.enable_offline()
        say(f"podstead.service starts when what is in {printable(str(asked.root))} boots")
        return 0
    return _enable(asked, changed=changed)


def _asked(given: Given) -> Asked:
    if given.words:
        raise UsageError("install takes no words: options for the agent stand after --, as for 'podstead run'")
    if given.value("root-dir") or given.value("socket"):
        raise UsageError("install makes the machine's own agent: another one with --root-dir needs a unit of its own")
    options = [
        f"--{name}={value}"
        for name in ("pod-manifest-path", "container-runtime-endpoint")
        if (value := given.value(name))
    ]
    options += given.rest or ()
    flags = parse_run_flags(options)
    for name in ("help", "version"):
        if flags.switches.get(name):
            raise UsageError(f"--{name} is no option of a service")
    for name in ("root-dir", "socket"):
        if name in flags.values:
            raise UsageError(f"install makes the machine's own agent: --{name} needs a unit of its own")
    root = Path(given.value("root", "/")).absolute()
    if root != Path("/") and given.has("now"):
        raise UsageError("--now starts the agent of this machine: leave it out with --root")
    manifests = flags.values.get("pod-manifest-path", "")
    if manifests and not manifests.startswith("/"):
        raise UsageError(
            f"a service has no directory of its own: write --pod-manifest-path={Path(manifests).absolute()}"
        )
    return Asked(options=tuple(options), manifests=manifests, root=root, dry=given.has("dry-run"), now=given.has("now"))


def _check_machine(asked: Asked, endpoint: Endpoint) -> None:
    """Refuse what cannot work, before anything is changed."""
    if not is_booted():
        raise OperatorError(
            "systemd is not the init system here (there is no /run/systemd/system): start the agent with 'podstead run' "
            "from what starts services here, or write the files alone into an image with --root DIR"
        )
    if os.geteuid() != 0:
        raise OperatorError("podstead install must be root: say sudo podstead install")
    if _runs_containerd(asked):
        find_programs()
    if not asked.now or Manager().state(AGENT_UNIT) in {"active", "activating", "reloading"}:
        return
    try:
        AgentClient(endpoint.socket).get("/livez")
    except (AgentUnreachableError, ApiRefusedError):
        return
    raise OperatorError(
        f"an agent that systemd does not know runs already (it answers at {endpoint.socket}): end it, by Ctrl-C or kill "
        "(its pods run on, and the service takes them over), then say podstead install --now again"
    )


def _runs_containerd(asked: Asked) -> bool:
    """Return whether the agent is sure to run a private containerd: files may name a runtime that is there."""
    if not asked.options:
        return not OPTIONS_FILE.exists()
    return not any(option.startswith(("--container-runtime-endpoint", "--config")) for option in asked.options)


def _enable(asked: Asked, *, changed: bool) -> int:
    manager = Manager()
    manager.do("daemon-reload")
    manager.do("enable", AGENT_UNIT)
    state = manager.state(AGENT_UNIT)
    running = state in {"active", "activating", "reloading"}
    say("podstead.service is enabled: it starts at every boot")
    if not asked.now:
        say(
            f"next: {RESTART if running and changed else 'systemctl start podstead'}"
            if changed or not running
            else _next()
        )
        return 0
    try:
        manager.do("restart" if running and changed else "start", AGENT_UNIT, seconds=START_SECONDS)
    except OperatorError as error:
        said = "".join(f"\n  {line}" for line in last_words(AGENT_UNIT))
        raise OperatorError(
            f"podstead.service does not start: {error}{said}\nsee 'journalctl -u podstead'; options are in {OPTIONS_FILE}"
        ) from error
    say(
        f"podstead.service runs{'' if changed or not running else f' already; after an update of the program: {RESTART}'}"
    )
    say(_next())
    return 0


def _next() -> str:
    return f"next: podstead status; podstead apply -f POD.yaml; journalctl -u podstead; options: {OPTIONS_FILE}"


COMMAND = Command(
    usage="install [--now] [FLAGS] [-- OPTIONS OF podstead run]",
    summary="Make the agent a service of systemd that starts at every boot; run again, it brings the files up to date.",
    run=run,
    options=(
        Option(name="now", help="start the service too, or restart it when something changed"),
        Option(
            name="pod-manifest-path",
            value="DIR",
            takes=Takes.DIRECTORY,
            help=f"the manifest directory (default {MANIFESTS})",
        ),
        Option(
            name="container-runtime-endpoint",
            value="URL",
            help="CRI socket of a runtime that is there; without it a private containerd is run",
        ),
        Option(
            name="root",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="write the files below DIR, of an image or a package; start nothing",
        ),
        Option(name="dry-run", help="say what would be written, and write nothing"),
    ),
    notes="Files that were edited are never overwritten: what install would have written is left out, and said.\n"
    f"Options stand in {OPTIONS_FILE}, changes of the unit in /etc/systemd/system/podstead.service.d/*.conf.\n"
    "'podstead uninstall' takes everything away again.",
)
