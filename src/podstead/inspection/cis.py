"""Items of the CIS Kubernetes Benchmark (numbering of version 1.12) about the files and settings of a node, in our words.

Those of the control plane's manifests (1.1.1 to 1.1.8), of the kubelet's files (4.1.x) and of the three settings that let
others into it (4.2.1, 4.2.2, 4.2.4). Files that are not there pass: the item does not apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from podstead.inspection.findings import Finding, Rule, Severity, found, shell
from podstead.inspection.settings import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.inspection.seen import SeenFile
    from podstead.inspection.settings import Settings

STRICTEST_MODE = 0o600


class Subject(Enum):
    """Which file an item is about."""

    API_SERVER = auto()
    CONTROLLER_MANAGER = auto()
    SCHEDULER = auto()
    ETCD = auto()
    UNIT = auto()
    KUBECONFIG = auto()
    CLIENT_CA = auto()
    CONFIGURATION = auto()


CONTROL_PLANE = {
    "kube-apiserver.yaml": Subject.API_SERVER,
    "kube-controller-manager.yaml": Subject.CONTROLLER_MANAGER,
    "kube-scheduler.yaml": Subject.SCHEDULER,
    "etcd.yaml": Subject.ETCD,
}
_NAMES = {
    Subject.API_SERVER: "the API server's manifest",
    Subject.CONTROLLER_MANAGER: "the controller manager's manifest",
    Subject.SCHEDULER: "the scheduler's manifest",
    Subject.ETCD: "etcd's manifest",
    Subject.UNIT: "the kubelet's unit",
    Subject.KUBECONFIG: "the kubelet's kubeconfig",
    Subject.CLIENT_CA: "the kubelet's client certificate authorities",
    Subject.CONFIGURATION: "the kubelet's configuration",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item on a file: either its mode is at most `mode`, or it belongs to root, user and group."""

    rule: Rule
    subject: Subject
    mode: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The outcome of one item; `where` is empty where it applies to nothing on this node."""

    number: str
    title: str
    where: str
    passed: bool


def _items(subject: Subject, modes: str, owner: str, mode: int = STRICTEST_MODE) -> Iterator[Item]:
    named = _NAMES[subject]
    yield Item(
        rule=Rule(
            id=f"cis-{modes}",
            severity=Severity.MEDIUM,
            title=f"{named[0].upper()}{named[1:]} should have mode {mode:04o} or stricter",
            why="What others can read they can learn from, and what others can write they own.",
            reference=f"CIS Kubernetes Benchmark {modes}",
        ),
        subject=subject,
        mode=mode,
    )
    yield Item(
        rule=Rule(
            id=f"cis-{owner}",
            severity=Severity.HIGH,
            title=f"{named[0].upper()}{named[1:]} should belong to root, user and group",
            why="An owner changes the file, and its mode, at will.",
            reference=f"CIS Kubernetes Benchmark {owner}",
        ),
        subject=subject,
        mode=None,
    )


FILE_ITEMS = (
    *_items(Subject.API_SERVER, "1.1.1", "1.1.2"),
    *_items(Subject.CONTROLLER_MANAGER, "1.1.3", "1.1.4"),
    *_items(Subject.SCHEDULER, "1.1.5", "1.1.6"),
    *_items(Subject.ETCD, "1.1.7", "1.1.8"),
    *_items(Subject.UNIT, "4.1.1", "4.1.2"),
    *_items(Subject.KUBECONFIG, "4.1.5", "4.1.6"),
    *_items(Subject.CLIENT_CA, "4.1.7", "4.1.8", 0o644),
    *_items(Subject.CONFIGURATION, "4.1.9", "4.1.10"),
)
ANONYMOUS = Rule(
    id="cis-4.2.1",
    severity=Severity.HIGH,
    title="The kubelet should answer nobody without a name",
    why="Its port lets anonymous callers read pods, and run commands in them where authorization is open as well.",
    reference="CIS Kubernetes Benchmark 4.2.1",
)
AUTHORIZATION = Rule(
    id="cis-4.2.2",
    severity=Severity.HIGH,
    title="The kubelet should ask whether a caller may",
    why="With AlwaysAllow whoever it knows may run commands in every pod.",
    reference="CIS Kubernetes Benchmark 4.2.2",
)
READ_ONLY_PORT = Rule(
    id="cis-4.2.4",
    severity=Severity.MEDIUM,
    title="The kubelet's read-only port should be closed",
    why="It tells everybody on the network what runs here, environments included.",
    reference="CIS Kubernetes Benchmark 4.2.4",
)
RULES = (*(item.rule for item in FILE_ITEMS), ANONYMOUS, AUTHORIZATION, READ_ONLY_PORT)


def judge_files(files: Iterable[tuple[Subject, SeenFile]]) -> tuple[tuple[Finding, ...], tuple[Passed, ...]]:
    """Return what is wrong with the files of each subject, and the outcome of each item on each file."""
    findings: list[Finding] = []
    outcomes: list[Passed] = []
    seen = {(subject, file.path): file for subject, file in files if file.is_there}
    for item in FILE_ITEMS:
        concerned = [file for (subject, _), file in sorted(seen.items(), key=_by_path) if subject is item.subject]
        number = item.rule.id.removeprefix("cis-")
        if not concerned:
            outcomes.append(Passed(number=number, title=item.rule.title, where="", passed=True))
        for file in concerned:
            finding = _mode(item.rule, file, item.mode) if item.mode is not None else _owner(item.rule, file)
            findings += [finding] if finding else []
            outcomes.append(Passed(number=number, title=item.rule.title, where=file.path, passed=finding is None))
    return tuple(findings), tuple(outcomes)


def _by_path(entry: tuple[tuple[Subject, str], SeenFile]) -> str:
    return entry[0][1]


def _mode(rule: Rule, file: SeenFile, most: int) -> Finding | None:
    if not file.mode & ~most & 0o7777:
        return None
    return found(
        rule,
        file.path,
        f"its mode is {file.mode:04o}; {most:04o} or stricter is asked for",
        mend=f"chmod {most:o} {shell(file.path)}",
    )


def _owner(rule: Rule, file: SeenFile) -> Finding | None:
    if file.uid == 0 and file.gid == 0:
        return None
    what = f"it belongs to {file.owner} ({file.uid}:{file.gid}), not to root:root"
    return found(rule, file.path, what, mend=f"chown root:root {shell(file.path)}")


def judge_settings(origin: str, settings: Settings) -> tuple[tuple[Finding, ...], tuple[Passed, ...]]:
    """Return what is wrong with the settings of one kubelet, and the outcome of each item."""
    findings: list[Finding] = []
    outcomes: list[Passed] = []
    for rule, name, good, ask in (
        (ANONYMOUS, Name.ANONYMOUS, lambda value: value == "false", "false"),
        (AUTHORIZATION, Name.AUTHORIZATION, lambda value: "AlwaysAllow" not in value.split(","), "Webhook"),
        (READ_ONLY_PORT, Name.READ_ONLY_PORT, lambda value: value == "0", "0"),
    ):
        setting = settings[name]
        number = rule.id.removeprefix("cis-")
        passed = good(setting.value)
        outcomes.append(Passed(number=number, title=rule.title, where=origin, passed=passed))
        if not passed:
            by = setting.where or "the default of a kubelet without --config"
            what = f"{name.field} is {setting.value}, by {by}"
            edit = f"set {name.field}: {ask} in the kubelet's configuration and restart it"
            findings.append(found(rule, origin, what, edit=edit, at=(setting.line, 1) if setting.line else (0, 0)))
    return tuple(findings), tuple(outcomes)
