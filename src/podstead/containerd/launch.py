"""A program of its own, started with `python -I -S`: turns itself into containerd. Standard library only.

Detached it leaves the caller's session; as a unit it stays what systemd started, and `--plan` names the file in which
the agent wrote its arguments, as a unit's command line never changes. It takes the instance's lock, enters the pinned namespaces and executes the command.
The lock is a POSIX record lock: the kernel keeps it over exec, gives it to no child (a flock would live on in the
shims and hold a dead containerd's place), drops it with the process, and tells its holder's pid to who asks.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import sys

TYPE_CHECKING = False  # typing's own would have to be loaded
if TYPE_CHECKING:
    import argparse

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
PLAN = "--plan="
LOCKED_EXIT_CODE = 75
"""EX_TEMPFAIL of sysexits.h: the lock is held, so another containerd of this instance runs."""


def enter_namespace(descriptor: int, kind: int) -> None:
    """Move this single-threaded process into a namespace (setns(2); os.setns came with Python 3.12).

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, kind) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return lock, log, mount_namespace, net_namespace, foreground and command.

    Raises:
        OSError: the plan cannot be read.
        ValueError: it is none.
    """
    if len(arguments) == 1 and arguments[0].startswith(PLAN):
        with open(arguments[0].removeprefix(PLAN), encoding="utf-8") as stream:  # noqa: PTH123 - pathlib costs 10 ms
            plan = json.load(stream)
        if not isinstance(plan, dict) or not isinstance(plan.get("arguments"), list):
            raise ValueError("it is no plan: it has no arguments")
        arguments = [str(word) for word in plan["arguments"]]
    import argparse  # noqa: PLC0415 - the agent, which imports this module for its namespaces, has no use for it

    parser = argparse.ArgumentParser()
    parser.add_argument("--lock", required=True)
    parser.add_argument("--log", default="", help="what the command prints goes here; else where it went")
    parser.add_argument("--mount-namespace", default="")
    parser.add_argument("--net-namespace", default="")
    parser.add_argument("--foreground", action="store_true", help="stay this process, for a service manager")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def become(options: argparse.Namespace) -> None:
    """Take the lock, enter the namespaces and execute; returns never.

    Raises:
        OSError: a step failed; BlockingIOError for a lock that is held.
    """
    lock = os.open(options.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # The lock lasts as long as this process keeps the file open.
    os.set_inheritable(lock, True)  # noqa: FBT003 - os has no keyword for it
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) if options.log else -1
    # Both are opened before either is entered: their files may not exist in the other namespace.
    wanted = ((options.net_namespace, CLONE_NEWNET), (options.mount_namespace, CLONE_NEWNS))
    opened = [(os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind) for path, kind in wanted if path]
    for descriptor, kind in opened:
        enter_namespace(descriptor, kind)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    if log >= 0:
        os.dup2(log, 1)
        os.dup2(log, 2)
    os.umask(0o022)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores both, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(options.command[0], options.command)  # noqa: S606 - this is what the program is for


def attempt(options: argparse.Namespace, report: int) -> int:
    """Run `become`; write why it failed to the descriptor `report` and return the exit code."""
    try:
        become(options)
    except BlockingIOError:
        os.write(report, b"another containerd of this instance holds the lock")
        return LOCKED_EXIT_CODE
    except OSError as error:
        os.write(report, f"{error.strerror}: {error.filename or options.command[0]}".encode())
    return 1


def main(arguments: list[str]) -> int:
    """Start the command detached; return 0 once it is executed, else say why on standard error."""
    try:
        options = parse_arguments(arguments)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot read {arguments[0].removeprefix(PLAN)}: {error}\n")
        return 1
    if options.foreground:
        return attempt(options, 2)
    # The write end closes at exec, so an empty report is the proof of success.
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        os._exit(attempt(options, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    if told:
        sys.stderr.write(told.decode(errors="replace"))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
