"""Who is a kubelet, and who only says so; what each of them is set to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.inspection import rules
from podstead.inspection.arguments import Launch, Reader, reader_of, shown_url
from podstead.inspection.findings import Finding, found, shell
from podstead.inspection.settings import Name
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.inspection.seen import SeenFile, SeenProcess
    from podstead.inspection.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubelet:
    """One kubelet, or agent, that runs or that a unit would start. `files` decide its settings, `ways` are above them."""

    launch: Launch
    reader: Reader
    settings: Settings
    files: tuple[SeenFile, ...] = ()
    ways: tuple[SeenFile, ...] = ()


def distrust(process: SeenProcess) -> str:
    """Return why a process is no kubelet whatever it is called, empty for one to be believed.

    The name and the arguments are the process's own to choose. What counts: the file that the kernel runs is called
    kubelet, is root's alone with all directories above it, and root runs it.
    """
    if reader_of(process.executable, process.arguments[1:]) is not Reader.KUBELET:
        return f"what runs is {process.executable or 'unknown'}"
    if process.uid != 0:
        return f"{process.user} runs it, not root"
    if process.image is None or not process.image.is_there:
        return f"its file {process.executable} cannot be examined"
    if process.image.by_others:
        image = process.image
        return f"its file {process.executable} has mode {image.mode:04o} and belongs to {image.owner}"
    if (open_one := next((one for one in process.way if one.by_others), None)) is not None:
        return f"others than root can exchange {process.executable}: {open_one.path} has mode {open_one.mode:04o}"
    return ""


def launch_of(process: SeenProcess) -> Launch:
    """Return how a process was started."""
    arguments = process.arguments[1:]
    return Launch(
        origin=f"pid {process.pid}",
        program=process.executable,
        arguments=arguments,
        directory=process.directory,
        live=True,
    )


def judge_process(process: SeenProcess) -> Iterator[Finding]:
    """Yield what there is to say about a process that could be a kubelet."""
    where = f"pid {process.pid}"
    if process.elsewhere:
        mend = f"podstead inspect --root /proc/{process.pid}/root"
        yield found(rules.KUBELET_ELSEWHERE, where, f"it is {process.executable}", mend=mend)
    elif reason := distrust(process):
        shown = process.arguments[0] if process.arguments else process.name
        what = f"it is called {printable(shown)[:80]!r}, and {reason}; user {process.user}"
        yield found(rules.FALSE_KUBELET, where, what, mend=f"ls -l /proc/{process.pid}/exe; ps -fp {process.pid}")
    elif process.deleted:
        what = f"it runs {process.executable}, which is no longer that file"
        yield found(rules.KUBELET_REPLACED, where, what, edit="restart the kubelet, or find out who replaced it")


def judge_kubelet(kubelet: Kubelet) -> Iterator[Finding]:
    """Yield what there is to say about where a kubelet takes its settings and its pods from."""
    origin = kubelet.launch.origin
    for path, why in kubelet.settings.problems:
        yield found(rules.SETTINGS_UNREAD, path, f"{why}; read by {origin}")
    for file in kubelet.files:
        if file.is_there and file.by_others:
            what = f"it has mode {file.mode:04o} and belongs to {file.owner}; read by {origin}"
            mend = f"chown root:root {shell(file.path)}; chmod 600 {shell(file.path)}"
            yield found(rules.UNIT_WRITABLE, file.path, what, mend=mend)
    for way in kubelet.ways:
        if way.by_others:
            what = f"it has mode {way.mode:04o} and belongs to {way.owner}; files of {origin} lie below it"
            yield found(
                rules.UNIT_WRITABLE,
                way.path,
                what,
                mend=f"chown root:root {shell(way.path)}; chmod go-w {shell(way.path)}",
            )
    url = kubelet.settings[Name.URL]
    if url.value:
        plain = not url.value.lower().startswith("https://")
        rule = rules.MANIFEST_URL_PLAIN if plain else rules.MANIFEST_URL
        what = f"{shown_url(url.value)}, by {url.where}"
        yield found(rule, origin, what, edit="deliver manifests as files, signed, and remove staticPodURL")


def distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without those that say the same of the same place: several kubelets read one file."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        kept.setdefault((finding.rule.id, finding.place, finding.what.partition("; read by ")[0]), finding)
    return tuple(kept.values())
