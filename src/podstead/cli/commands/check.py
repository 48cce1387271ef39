"""`podstead check`: the verdict on manifest files, offline; nothing is run."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from podstead.cli.checking import Checked, Unreadable, check_files
from podstead.cli.command import Command
from podstead.cli.options import Option, UsageError
from podstead.cli.output import Format, format_of, output_option, say, say_document, tell
from podstead.k8s.names import dns1123_subdomain
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.cli.documents import Json
    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given


def run(given: Given, endpoint: Endpoint) -> int:  # noqa: ARG001 - a command's signature; no agent is asked
    """Run the command: 0 when every manifest is accepted, 1 when one is not, 2 when a file cannot be read."""
    words = (*given.words, *(given.rest or ()))
    if not words:
        raise UsageError("say what to check: podstead check FILE… or DIR")
    form = format_of(given, Format.JSON, Format.YAML)
    found = check_files(
        words, node_name=_node_name(given), strict=given.has("strict"), as_kubelet=given.has("as-kubelet")
    )
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


def _node_name(given: Given) -> str:
    """Return the name that pods would get as a suffix."""
    name = (given.value("node-name") or socket.gethostname()).strip().lower()
    if (problem := dns1123_subdomain(name)) is not None:
        if given.value("node-name"):
            raise UsageError(f"--node-name {problem}")
        return "node"  # the agent would refuse this host name; that is no fault of a manifest
    return name


def _lines(one: Checked) -> Iterator[str]:
    for message in one.messages:
        place = f":{message.line}:{message.column}" if message.line else ""
        field = f"{message.field}: " if message.field else ""
        yield f"{one.path}{place}: {message.severity}: {field}{message.message}"
    reason = f" ({one.reason})" if one.reason else ""
    pods = f": {', '.join(one.pods)}" if one.pods else ""
    yield f"{one.path}: {one.verdict}{reason}{pods}"
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
    if one.kubelet:
        document["kubelet"] = list(one.kubelet)
    return document


COMMAND = Command(
    usage="check FILE… | DIR | -",
    summary="Judge manifest files as the agent would; nothing is run, and no agent is needed.",
    run=run,
    options=(
        Option(name="strict", help="refuse what is only warned of: unknown fields, duplicate keys, unquoted numbers"),
        Option(name="as-kubelet", help="add what a kubelet would do with each file"),
        Option(name="node-name", value="NAME", help="the node's name, the suffix of pod names (default: the host's)"),
        output_option(Format.JSON, Format.YAML),
    ),
    notes="Exit code: 0 all accepted, 1 one is rejected, 2 a file cannot be read.",
)
