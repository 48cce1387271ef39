"""`podstead policy`: a node's policy file by itself, and what it says of a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.command import Command
from podstead.cli.node_name import node_name_of
from podstead.cli.node_policy import MOST_BYTES, digest_of, policy_judge, read_policy_file
from podstead.cli.options import Option, Takes, UsageError, nearest
from podstead.cli.output import Format, format_of, output_option, say, say_document
from podstead.clock import SystemClock
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.manifest.armour import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.policy.judge import PodJudgement
    from podstead.policy.judge_file import FileJudgement
    from podstead.policy.violation import Judged

LIMITS = Limits()


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command. Raises UsageError and OperatorError."""
    what, *words = given.words or ("",)
    action = ACTIONS.get(what)
    if action is None:
        near = nearest(what, ACTIONS)
        hint = f": did you mean {near}?" if near else f": take {', '.join(ACTIONS)}"
        raise UsageError(f"there is no 'policy {printable(what)}'{hint}" if what else f"say what to do{hint}")
    return action(given, words)


def _check(given: Given, words: list[str]) -> int:
    """0: it can be used; 1: it has faults."""
    from podstead.policy.sentences import sentences

    if len(words) != 1:
        raise UsageError("write: podstead policy check FILE")
    form = format_of(given, Format.JSON, Format.YAML)
    file = read_policy_file(words[0])
    meant = tuple(sentences(file.policy, SystemClock().now().wall)) if file.policy is not None else ()
    if form is Format.TABLE:
        say(printable(message.as_line(file.path)) for message in file.messages)
        say(printable(sentence) for sentence in meant)
        say(f"{printable(file.path)}: {'Accepted' if file.policy is not None else 'Rejected'}")
    else:
        messages: list[Json] = [
            {"line": m.line, "column": m.column, "field": m.field, "severity": str(m.severity), "message": m.message}
            for m in file.messages
        ]
        verdict = "Accepted" if file.policy is not None else "Rejected"
        say_document({"path": file.path, "verdict": verdict, "messages": messages, "means": list(meant)}, form)
    return 0 if file.policy is not None else 1


def _explain(given: Given, words: list[str]) -> int:
    """0: every manifest is admitted; 1: one is not."""
    if len(words) < 2:
        raise UsageError("write: podstead policy explain FILE MANIFEST…")
    judge = policy_judge(words[0], node=node_name_of(given), signer=given.value("signer"))
    form = format_of(given, Format.JSON, Format.YAML)
    refused = False
    documents: list[Json] = []
    for word in words[1:]:
        data = _read(word)
        judgement = judge.judge(word, data, LIMITS)
        refused = refused or judgement.refused
        if form is Format.TABLE:
            say(printable(line) for line in _told(word, data, judgement))
        else:
            documents.append(_document(word, data, judgement))
    if form is not Format.TABLE:
        say_document(documents, form)
    return 1 if refused else 0


def _read(word: str) -> bytes:
    try:
        with Path(word).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {word}: {error.strerror or error}") from None


def _told(word: str, data: bytes, judgement: FileJudgement) -> Iterator[str]:
    yield f"{word}: {'Rejected' if judgement.refused else 'Accepted'}, digest {digest_of(data)}"
    if judgement.unreadable:
        yield from (f"  {message.placed}" for message in judgement.messages)
    for pod in judgement.pods:
        yield f"  {pod.namespace}/{pod.name} is held against {pod.standard}"
        yield from (f"    {sentence}" for sentence in pod.held)
        for one in pod.found:
            yield f"    {_finding(one)}"
        for breach in pod.warned:
            yield f"    warned of: {breach.control}: {breach.problem}"
        for key, text in pod.annotations:
            yield f"    recorded: {key}: {text}"
        if not pod.found:
            yield "    nothing in it is forbidden"


def _finding(one: Judged) -> str:
    breach = one.breach
    place = f" at {breach.field}" if breach.field else ""
    value = f" (value {breach.value})" if breach.value else ""
    if one.by:
        return f"lifted by exemption {one.by}: {breach.control}{place}{value}"
    return f"refused: {breach.control}{place}{value}: {breach.problem}{''.join(f'; {near}' for near in one.near)}"


def _document(word: str, data: bytes, judgement: FileJudgement) -> Json:
    verdict = "Rejected" if judgement.refused else "Accepted"
    pods: list[Json] = [_pod(pod) for pod in judgement.pods]
    return {"path": word, "digest": digest_of(data), "verdict": verdict, "reason": judgement.unreadable, "pods": pods}


def _pod(pod: PodJudgement) -> Json:
    found: list[Json] = [
        {
            "control": one.breach.control,
            "field": one.breach.field,
            "value": one.breach.value,
            "problem": one.breach.problem,
            "exemption": one.by,
            "notExempted": list(one.near),
        }
        for one in pod.found
    ]
    warned: list[Json] = [{"control": breach.control, "problem": breach.problem} for breach in pod.warned]
    return {
        "pod": f"{pod.namespace}/{pod.name}",
        "standard": str(pod.standard),
        "found": found,
        "warnings": warned,
        "annotations": dict(pod.annotations),
    }


def _controls(given: Given, words: list[str]) -> int:
    from podstead.policy.known import described

    if words:
        raise UsageError("'policy controls' takes no name")
    form = format_of(given, Format.JSON, Format.YAML)
    rows = tuple(described())
    if form is not Format.TABLE:
        say_document([{"control": name, "of": of, "forbids": what} for name, of, what in rows], form)
        return 0
    width = max(len(name) for name, _, _ in rows)
    say(f"{name.ljust(width)}  {of.ljust(11)}  {what}".rstrip() for name, of, what in rows)
    return 0


ACTIONS: dict[str, Callable[[Given, list[str]], int]] = {"check": _check, "explain": _explain, "controls": _controls}

COMMAND = Command(
    usage="policy check FILE | explain FILE MANIFEST… | controls",
    summary="Read a node's policy file and say what it means, say what it makes of manifests, or list the controls that exemptions name.",
    run=run,
    words=(tuple(ACTIONS), Takes.FILE),
    many=True,
    options=(
        Option(name="signer", value="PRINCIPAL", help="explain: as if this principal had signed the manifests"),
        Option(name="node-name", value="NAME", help="explain: the node's name (default: the host's)"),
        output_option(Format.JSON, Format.YAML),
    ),
    notes="No agent is needed. Paths of the node are compared by their names here, by device and inode on the node. Exit code: 0 the policy can be used and every manifest is admitted, 1 not so.",
)
