"""`podstead logs`: what a container wrote."""

from __future__ import annotations

import math
import re
import sys
import threading
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient, ApiRefusedError
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.durations import parse_duration
from podstead.cli.namespaces import DEFAULT_NAMESPACE, explain_missing
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.resources import PODS, pod_name
from podstead.errors import OperatorError, PodsteadError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m|\t)")
"""What of a container's output passes to a terminal as it is: colours and tabs."""


class _Container(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()


class _Pod(msgspec.Struct):
    spec: _Spec


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command."""
    if len(given.words) not in {1, 2}:
        raise UsageError("write: podstead logs POD [CONTAINER]")
    if len(given.words) == 2 and given.value("container"):
        raise UsageError("the container is named twice: leave out -c or the second word")
    client = AgentClient(endpoint.socket)
    name = pod_name(given.words[0])
    namespace = given.value("namespace") or DEFAULT_NAMESPACE
    path = f"{PODS.path(namespace, name)}/log"
    query = _query(given)
    try:
        if not given.has("all-containers"):
            container = given.value("container") or "".join(given.words[1:])
            _copy(client, path, [*query, *([("container", container)] if container else [])], writer())
            return 0
        pod = decode(client.get(PODS.path(namespace, name)), _Pod)
        names = [container.name for container in (*pod.spec.init_containers, *pod.spec.containers)]
        return _all(client, path, query, names, follow=given.has("follow"))
    except ApiRefusedError as error:
        if error.code == 404 and "namespace" not in given.values:
            raise explain_missing(client, name, error) from error
        raise


def _query(given: Given) -> list[tuple[str, str]]:
    query = [(name, "true") for name in ("follow", "previous", "timestamps") if given.has(name)]
    tail = given.value("tail", "-1")
    if not re.fullmatch(r"-1|[0-9]{1,9}", tail):
        raise UsageError("--tail takes a number of lines, or -1 for all")
    query += [] if tail == "-1" else [("tailLines", str(int(tail)))]
    if since := given.value("since"):
        try:
            seconds = parse_duration(since, "--since")
        except OperatorError as error:
            raise UsageError(str(error)) from error
        query.append(("sinceSeconds", str(max(1, math.ceil(seconds)))))
    return query


def writer() -> Callable[[bytes], None]:
    """Return what writes a line: as it is into a file or pipe, made harmless on a terminal (foundation 24)."""
    raw = sys.stdout.buffer
    shown = sys.stdout.isatty()

    def write(line: bytes) -> None:
        raw.write(harmless(line) if shown else line)
        raw.flush()

    return write


def harmless(line: bytes) -> bytes:
    """Return a line of output that may colour a terminal but neither steer nor deceive it."""
    text = line.decode("utf-8", "backslashreplace")
    body = text.rstrip("\r\n")
    end = "\n" if text.endswith("\n") else ""
    parts = _COLOUR.split(body)
    safe = "".join(part if index % 2 else printable(part) for index, part in enumerate(parts))
    reset = "\x1b[0m" if any("\x1b" in part for part in parts[1::2]) else ""
    return (safe + reset + end).encode("utf-8", "backslashreplace")


def _copy(client: AgentClient, path: str, query: list[tuple[str, str]], write: Callable[[bytes], None]) -> None:
    with client.stream(path, query) as lines:
        for line in lines:
            write(line)


def _all(client: AgentClient, path: str, query: list[tuple[str, str]], names: list[str], *, follow: bool) -> int:
    """Print the log of every container, each line with its container's name; followed ones side by side."""
    write, lock = writer(), threading.Lock()
    failures: list[Exception] = []

    def copy(name: str) -> None:
        prefix = f"[{printable(name)}] ".encode()

        def write_named(line: bytes) -> None:
            with lock:
                write(prefix + (line if line.endswith(b"\n") else line + b"\n"))

        try:
            _copy(client, path, [*query, ("container", name)], write_named)
        except (PodsteadError, OSError) as error:
            failures.append(error)

    if follow:
        threads = [threading.Thread(target=copy, args=(name,), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for name in names:
            copy(name)
    for error in failures:
        if not isinstance(error, PodsteadError):
            raise error
    if failures and len(failures) == len(names):
        raise failures[0]
    for error in failures:
        print(f"error: {printable(str(error))}", file=sys.stderr)
    return 1 if failures else 0


COMMAND = Command(
    usage="logs POD [CONTAINER]",
    summary="Print the log of a container.",
    run=run,
    words=(Takes.POD, Takes.CONTAINER),
    options=(
        NAMESPACE,
        Option(
            name="container",
            short="c",
            value="NAME",
            help="which container; needed where a pod has several",
            takes=Takes.CONTAINER,
        ),
        Option(name="all-containers", help="all containers, each line with its container's name"),
        Option(name="follow", short="f", help="go on and print what is written"),
        Option(name="previous", short="p", help="the log of the run before the last restart"),
        Option(name="tail", value="LINES", help="the last lines only (-1: all)"),
        Option(name="since", value="TIME", help="only what is newer: 30s, 10m, 3h"),
        Option(name="timestamps", help="put its time before each line"),
    ),
    notes="On a terminal, control characters other than colours and tabs are printed as escapes.",
)
