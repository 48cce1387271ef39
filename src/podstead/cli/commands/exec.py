"""`podstead exec`: a command in a container, its streams and exit code passed through."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from podstead.cli.client import AgentClient, AgentUnreachableError, ApiRefusedError
from podstead.cli.command import NAMESPACE, Command
from podstead.cli.namespaces import DEFAULT_NAMESPACE, explain_missing
from podstead.cli.options import Option, Takes, UsageError
from podstead.cli.output import tell
from podstead.cli.resources import pod_name
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from podstead.cli.endpoint import Endpoint
    from podstead.cli.options import Given
    from podstead.streaming.exec_client import ExecCommand, LocalStreams

STDIN = 0
FALLBACK_SIZE = (80, 24)
"""Columns and rows of a terminal that does not tell its own."""


def run(given: Given, endpoint: Endpoint) -> int:
    """Run the command and return the exit code of what ran in the container."""
    from podstead.streaming.exec_client import ExecCommand

    command = _command(given)
    tty = given.has("tty")
    if tty and not (given.has("stdin") and os.isatty(STDIN)):
        tell("standard input is not a terminal: going on without one (-t)")
        tty = False
    wanted = ExecCommand(
        namespace=given.value("namespace") or DEFAULT_NAMESPACE,
        pod=pod_name(given.words[0]),
        command=command,
        container=given.value("container"),
        tty=tty,
    )
    return _run(wanted, endpoint, stdin=given.has("stdin"), namespace_given="namespace" in given.values)


def _command(given: Given) -> tuple[str, ...]:
    if not given.words:
        raise UsageError("write: podstead exec POD -- COMMAND [ARGUMENT…]")
    if given.rest is not None and len(given.words) > 1:
        raise UsageError("one pod, and its command after '--': podstead exec POD -- COMMAND [ARGUMENT…]")
    command = given.rest if given.rest is not None else given.words[1:]
    if not command:
        raise UsageError("say what to run: podstead exec POD -- COMMAND [ARGUMENT…]")
    return command


def _run(wanted: ExecCommand, endpoint: Endpoint, *, stdin: bool, namespace_given: bool) -> int:
    from podstead.streaming.exec_client import ExecRefusedError, LocalStreams, run_exec

    descriptor = STDIN if stdin else None
    client = AgentClient(endpoint.socket)
    try:
        if wanted.tty and descriptor is not None:
            with _raw_terminal(descriptor) as streams:
                outcome = run_exec(endpoint.socket, wanted, streams)
        else:
            outcome = run_exec(endpoint.socket, wanted, LocalStreams(stdin=descriptor))
    except ExecRefusedError as error:
        refused = ApiRefusedError(error.code, printable(str(error)))
        if error.code == 404 and not namespace_given:
            raise explain_missing(client, wanted.pod, refused) from error
        raise refused from error
    except (FileNotFoundError, ConnectionRefusedError, PermissionError, TimeoutError) as error:
        raise client.unreachable(error) from error
    except ConnectionResetError as error:
        raise AgentUnreachableError("the agent ended the connection before the command's result was known") from error
    if outcome.message:
        tell(f"error: {printable(outcome.message)}")
    elif outcome.exit_code:
        tell(f"command terminated with exit code {outcome.exit_code}")
    return outcome.exit_code


@contextlib.contextmanager
def _raw_terminal(descriptor: int) -> Iterator[LocalStreams]:
    """Pass every key to the container, and tell it of the window's size; the terminal is as before afterwards."""
    import termios
    import tty

    from podstead.streaming.exec_client import LocalStreams

    before = termios.tcgetattr(descriptor)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, _awake)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    try:
        tty.setraw(descriptor)
        yield LocalStreams(stdin=descriptor, resize_fd=wake_read, size=lambda: _size(descriptor))
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.set_wakeup_fd(-1)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(wake_read)
        os.close(wake_write)


def _size(descriptor: int) -> tuple[int, int]:
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        return FALLBACK_SIZE
    return (columns, rows) if columns and rows else FALLBACK_SIZE


def _awake(number: int, frame: FrameType | None) -> None:
    """Let the signal through: its byte in the wake-up pipe is what counts."""


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    raise SystemExit(128 + number)  # by way of the terminal's restoration


COMMAND = Command(
    usage="exec POD -- COMMAND [ARGUMENT…]",
    summary="Run a command in a container and return its exit code.",
    run=run,
    words=(Takes.POD,),
    options=(
        NAMESPACE,
        Option(
            name="container",
            short="c",
            value="NAME",
            help="which container; needed where a pod has several",
            takes=Takes.CONTAINER,
        ),
        Option(name="stdin", short="i", help="pass standard input on"),
        Option(name="tty", short="t", help="give the command a terminal; with -i"),
    ),
    notes="A shell in a container: podstead exec -it POD -- sh",
)
