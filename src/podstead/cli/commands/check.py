"""`podstead check`: the verdict on manifest files, offline; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.checked import Checked, Unreadable
from podstead.cli.checking import Rules, check_files, check_objects
from podstead.cli.command import Command
from podstead.cli.node_name import node_name_of
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.k8s.text import printable
from podstead.policy.pod_security.levels import Level, standard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.policy.pod_security.levels import Standard


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0 when every manifest is accepted, 1 when one is not, 2 when a file cannot be read."""
    words = (*given.words, *(given.rest or ()))
    if not words and not given.value("objects-dir"):
        raise UsageError("say what to check: podstead check FILE… or DIR")
    form = format_of(given, Format.JSON, Format.YAML)
    found = _check(given, words)
    read = [one for one in found if isinstance(one, Checked)]
    unreadable = [one for one in found if isinstance(one, Unreadable)]
    if form is Format.TABLE:
        for one in read:
            say(printable(line) for line in _lines(one))
        if not found:
            tell("there is no manifest: files are named *.yaml, *.yml or *.json")
    else:
        say_document([_document(one) for one in read], form)
    for missing in unreadable:
        tell(f"error: {printable(missing.why)}")
    if unreadable:
        return 2
    return 1 if any(one.verdict == "Rejected" for one in read) else 0


def _check(given: Given, words: tuple[str, ...]) -> tuple[Checked | Unreadable, ...]:
    strict, directory, level = given.has("strict"), given.value("objects-dir"), _standard(given)
    if level is not None and (directory or given.has("as-kubelet")):
        raise UsageError("--pod-security judges by that level alone: leave out --objects-dir and --as-kubelet")
    if level is not None and given.value("policy"):
        raise UsageError("--pod-security judges by that level alone: a policy's own level is in its file")
    if given.value("signer") and not given.value("policy"):
        raise UsageError("--signer says as whom a policy is to judge: give --policy FILE as well")
    node_name = node_name_of(given)
    policy = None
    if name := given.value("policy"):
        from podstead.cli.node_policy import policy_judge

        policy = policy_judge(name, node=node_name, signer=given.value("signer"))
    files, objects = check_objects(Path(directory), strict=strict) if directory else ((), None)
    rules = Rules(
        node_name=node_name,
        strict=strict,
        as_kubelet=given.has("as-kubelet"),
        objects=objects,
        standard=level,
        policy=policy,
    )
    return (*files, *check_files(words, rules))


def _standard(given: Given) -> Standard | None:
    """Return the level of the Pod Security Standards to judge by, None where none was asked for."""
    try:
        return standard(text) if (text := given.value("pod-security")) else None
    except ValueError as error:
        raise UsageError(f"--pod-security: {error}") from None


def _lines(one: Checked) -> Iterator[str]:
    for message in one.messages:
        yield message.as_line(one.path)
    reason = f" ({one.reason})" if one.reason else ""
    names = (*one.pods, *one.objects)
    listed = f": {', '.join(names)}" if names else ""
    yield f"{one.path}: {one.verdict}{reason}{listed}"
    for sentence in one.kubelet:
        yield f"{one.path}: kubelet: {sentence}"


def _document(one: Checked) -> Json:
    messages: list[Json] = [
        {
            "line": message.line,
            "column": message.column,
            "field": message.field,
            "severity": str(message.severity),
            "message": message.message,
        }
        for message in one.messages
    ]
    document: dict[str, Json] = {
        "path": one.path,
        "verdict": one.verdict,
        "reason": one.reason,
        "messages": messages,
        "pods": list(one.pods),
        "revision": ",".join(one.revisions),
    }
    if one.objects:
        document["objects"] = list(one.objects)
    if one.kubelet:
        document["kubelet"] = list(one.kubelet)
    return document


COMMAND = Command(
    usage="check FILE… | DIR | -",
    summary="Judge manifest files as the agent would; nothing is run, and no agent is needed.",
    run=run,
    words=(Takes.FILE,),
    many=True,
    options=(
        Option(name="strict", help="refuse what is only warned of: unknown fields, duplicate keys, unquoted numbers"),
        Option(name="as-kubelet", help="add what a kubelet would do with each file"),
        Option(
            name="objects-dir",
            value="DIR",
            takes=Takes.DIRECTORY,
            help="judge this directory's ConfigMaps and Secrets too, and say what pods would miss of them",
        ),
        Option(
            name="pod-security",
            value="LEVEL[:vX.Y]",
            help="judge by this level of the Pod Security Standards alone: privileged, baseline or restricted",
            choices=tuple(Level),
        ),
        Option(
            name="policy",
            value="FILE",
            takes=Takes.FILE,
            help="judge by this policy of a node as well (docs/policy.md)",
        ),
        Option(
            name="signer",
            value="PRINCIPAL",
            help="with --policy: as if this principal had signed, and signatures were enforced",
        ),
        Option(name="node-name", value="NAME", help="the node's name, the suffix of pod names (default: the host's)"),
        output_option(Format.JSON, Format.YAML),
    ),
    notes="References to ConfigMaps and Secrets are accepted, as by an agent with an objects directory. Exit code: 0 all accepted, 1 one is rejected, 2 a file cannot be read.",
)
