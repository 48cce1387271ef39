"""`podstead guard`: publishes only verified manifests for a kubelet, or watches over its directory."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.configuration import POLICY
from podstead.cli.durations import parse_duration
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.cli.own_security import SIGNATURE_MODES
from podstead.clock import SystemClock
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.errors import OperatorError
from podstead.k8s.names import dns1123_subdomain
from podstead.k8s.text import printable
from podstead.publication.pause import pause_from

if TYPE_CHECKING:
    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.guard.board import Status
    from podstead.guard.books import GuardBooks
    from podstead.guard.settings import GuardSettings

STATE = Path("/var/lib/podstead-guard")
WORDS = ("pause", "resume", "status", "accept-directory", "unit")
UNIT = """\
[Unit]
Description=Podstead guard: publishes verified manifests for the kubelet
Documentation=man:podstead-guard(1)
Before=kubelet.service

[Service]
Type=notify
ExecStart={command}
Restart=always
RestartSec=2
WatchdogSec=30
UMask=0077
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateDevices=yes
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictRealtime=yes
MemoryMax=256M

[Install]
WantedBy=multi-user.target
"""


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command. Raises OperatorError."""
    match given.words:
        case ():
            return _guard(given)
        case ("pause",):
            return _pause(given)
        case ("resume",):
            return _resume(given)
        case ("status",):
            return _status(given)
        case ("accept-directory",):
            return _accept_directory(given)
        case ("unit",):
            return _unit(given)
        case _:
            raise UsageError(f"guard takes one of {', '.join(WORDS)}, or none and --source with --publish, or --watch")


def _guard(given: Given) -> int:
    settings = _settings(given)
    if os.geteuid() != 0 and not given.has("allow-insecure-manifests"):
        raise OperatorError("podstead guard must be root: only root may write what a kubelet runs")
    from podstead.guard.run import run_guard

    return run_guard(settings)


def _settings(given: Given) -> GuardSettings:
    from podstead.guard.settings import GuardSettings

    source, publish, watch = given.value("source"), given.value("publish"), given.value("watch")
    if watch and (source or publish):
        raise UsageError("--watch only tells, --source and --publish publish: take one of the two")
    if not watch and not (source and publish):
        raise UsageError("say where manifests come from and where the kubelet reads them: --source DIR --publish DIR")
    usual = SecuritySettings()
    mode = given.value("signature-mode") or (
        SignatureMode.ENFORCE if given.value("allowed-signers") or usual.allowed_signers.exists() else SignatureMode.OFF
    )
    if mode not in SIGNATURE_MODES:
        raise UsageError(f"--signature-mode: {mode!r} is none: take {', '.join(SIGNATURE_MODES)}")
    security = SecuritySettings(
        signature_mode=SignatureMode(mode),
        allowed_signers=_path(given, "allowed-signers", usual.allowed_signers),
        revoked_keys=_path(given, "revoked-keys", usual.revoked_keys),
        allow_insecure=given.has("allow-insecure-manifests"),
    )
    policy = _policy_path(given)
    settings = GuardSettings(
        source=Path(watch or source).absolute(),
        publish=None if watch else Path(publish).absolute(),
        state=_state(given),
        node=_node(given),
        security=security,
        policy_path=policy,
        take_over=given.has("take-over"),
    )
    return settings if policy is None else _with_policy(settings, policy)


def _with_policy(settings: GuardSettings, path: Path) -> GuardSettings:
    from dataclasses import replace

    from podstead.cli.node_policy import read_policy_file

    found = read_policy_file(str(path))
    if found.policy is None:
        told = "\n".join(message.as_line(str(path)) for message in found.messages)
        raise OperatorError(f"cannot use the policy {path}\n{told}")
    return replace(settings, policy=found.policy, rules=found.rules)


def _policy_path(given: Given) -> Path | None:
    if named := given.value("policy"):
        return Path(named).absolute()
    return POLICY if POLICY.exists() else None


def _path(given: Given, name: str, usual: Path) -> Path:
    return Path(named).absolute() if (named := given.value(name)) else usual


def _state(given: Given) -> Path:
    return _path(given, "state-dir", STATE)


def _node(given: Given) -> str:
    name = (given.value("node-name") or socket.gethostname()).strip().lower()
    if (problem := dns1123_subdomain(name)) is not None:
        raise UsageError(f"--node-name {problem}")
    return name


def _books(given: Given) -> GuardBooks:
    from podstead.guard.books import GuardBooks

    books = GuardBooks(_state(given))
    if not books.directory.is_dir():
        raise OperatorError(
            f"no guard has worked with the state directory {_state(given)}: name its own with --state-dir"
        )
    return books


def _pause(given: Given) -> int:
    books = _books(given)
    duration = given.value("for")
    if not duration:
        raise UsageError("say for how long: podstead guard pause --for 30m --reason TEXT")
    try:
        pause = pause_from(SystemClock().now(), parse_duration(duration, "for"), given.value("reason"))
    except ValueError as error:
        raise UsageError(str(error)) from None
    books.put_pause(pause)
    say(
        f"paused for {duration}: what the source has is published without signature and policy; what was published then stays"
        " until the source changes"
    )
    return 0


def _resume(given: Given) -> int:
    _books(given).put_pause(None)
    say("the guard verifies again")
    return 0


def _accept_directory(given: Given) -> int:
    from podstead.store.instance import is_locked

    books = _books(given)
    if not is_locked(_state(given)):
        raise OperatorError(f"no guard works with the state directory {_state(given)} now: start it first")
    books.ask_to_accept()
    say("the source is taken as it is: what is published and not in it is withdrawn after two looks")
    return 0


def _status(given: Given) -> int:
    import msgspec

    from podstead.guard.board import Status

    form = format_of(given, Format.JSON, Format.YAML)
    data = _books(given).status()
    if data is None:
        raise OperatorError("the guard has not looked at its source yet: see its log")
    status = msgspec.json.decode(data, type=Status)
    if form is Format.TABLE:
        say(printable(line) for line in _lines(status))
    else:
        document: Json = msgspec.to_builtins(status)
        say_document(document, form)
    return 1 if any(one.verdict == "Rejected" for one in status.files) or status.degraded else 0


def _lines(status: Status) -> list[str]:
    where = f"{status.source} -> {status.publish}" if status.publish else f"{status.source}, watched only"
    lines = [f"{where}; signatures: {status.mode}; {status.at}"]
    lines += [f"PAUSED: {status.paused}"] if status.paused else []
    lines += [f"DEGRADED: {status.degraded}"] if status.degraded else []
    for one in status.files:
        kept = " (the last good content stays published)" if one.published and one.verdict != "Accepted" else ""
        by = f", {one.warrant}" if one.warrant else ""
        pod = f": {one.pod}{by}" if one.pod else ""
        said = f" ({one.reason}): {one.message}" if one.reason else ""
        lines.append(f"{one.name}: {one.verdict}{said}{pod}{kept}")
    lines += [f"{one.at} {one.reason}: {one.message}" for one in status.alarms[-20:]]
    return lines


def _unit(given: Given) -> int:
    import shlex
    import sys

    _settings(given)  # what would not start is no unit
    program = Path(sys.argv[0]).absolute()
    words = [str(program), "guard"]
    for option in COMMAND.options:
        if option.value and (value := given.value(option.name)) and option.name != "output":
            words.append(f"--{option.name}={Path(value).absolute() if option.takes is not Takes.TEXT else value}")
        elif given.has(option.name) and option.name != "take-over":
            words.append(f"--{option.name}")
    command = " ".join(shlex.quote(word).replace("%", "%%").replace("$", "$$") for word in words)
    say(UNIT.format(command=command).rstrip())
    return 0


COMMAND = Command(
    usage="guard --source DIR --publish DIR | --watch DIR | pause | resume | status | accept-directory | unit [FLAGS]",
    summary="Publish only verified manifests for a kubelet that runs here, or watch over its own directory.",
    run=run,
    words=(WORDS,),
    options=(
        Option(name="source", value="DIR", takes=Takes.DIRECTORY, help="where manifests are delivered to"),
        Option(
            name="publish",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="the kubelet's staticPodPath: the guard's own directory, made by it, mode 0700",
        ),
        Option(
            name="watch",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="only tell what is wrong in a kubelet's own directory; nothing is moved",
        ),
        Option(
            name="state-dir", value="DIR", takes=Takes.DIRECTORY, help=f"what the guard remembers (default: {STATE})"
        ),
        Option(name="node-name", value="NAME", help="the node's name, the suffix of pod names (default: the host's)"),
        Option(
            name="signature-mode",
            value="MODE",
            help="off, warn or enforce (default: enforce where there are allowed signers, else off)",
            choices=SIGNATURE_MODES,
        ),
        Option(
            name="allowed-signers",
            value="FILE",
            takes=Takes.FILE,
            help="whose signatures count (default: /etc/podstead/allowed_signers)",
        ),
        Option(
            name="revoked-keys",
            value="FILE",
            takes=Takes.FILE,
            help="keys that count no more (default: /etc/podstead/revoked_keys)",
        ),
        Option(
            name="policy",
            value="FILE",
            takes=Takes.FILE,
            help="what is allowed to run (default: /etc/podstead/policy.yaml, where it is there)",
        ),
        Option(name="take-over", help="make a directory with files in it the guard's own"),
        Option(
            name="allow-insecure-manifests", help="take what others than root can write, with a warning: for tests only"
        ),
        Option(name="for", value="DURATION", help="of pause: how long, at most a day, as in 30m"),
        Option(name="reason", value="TEXT", help="of pause: why, for whoever reads the log later"),
        output_option(Format.JSON, Format.YAML),
    ),
    notes="pause lets unsigned content of the source through for a while, for an upgrade; resume ends that. status shows what is\n"
    "published, refused and was found; its exit code is 1 where something is refused. accept-directory takes a\n"
    "source that was replaced, unmounted or reads empty for the true one. unit prints a unit\n"
    "of systemd.",
)
