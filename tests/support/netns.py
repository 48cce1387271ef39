"""Network namespaces of a test's own, pinned to files, so that tests need no address of the machine."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from podstead.containerd.launch import CLONE_NEWNET, enter_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NODE_ADDRESS = "10.77.1.1"
OTHER_HOST_ADDRESS = "10.77.1.2"
IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")

_Value = TypeVar("_Value")


def run(*command: str) -> str:
    """Run a program to its end and return what it printed; its errors are in the exception's text."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def call_in_namespace(namespace: Path | None, function: Callable[[], _Value]) -> _Value:
    """Call a function in a thread that has entered a network namespace; None: in this one."""
    if namespace is None:
        return function()
    results: list[_Value] = []
    errors: list[BaseException] = []

    def inside() -> None:
        try:
            with namespace.open("rb") as file:
                enter_namespace(file.fileno(), CLONE_NEWNET)
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@dataclass(frozen=True)
class Hosts:
    """Two network namespaces with a cable between them: a node, and another host that is its default router."""

    node: Path
    other: Path


@contextlib.contextmanager
def network_namespace(file: Path) -> Iterator[Path]:
    """Make a network namespace with its loopback up, pinned to `file`."""
    file.touch()
    run("unshare", f"--net={file}", "ip", "link", "set", "lo", "up")
    try:
        yield file
    finally:
        run("umount", str(file))
        file.unlink()


@contextlib.contextmanager
def two_hosts(directory: Path) -> Iterator[Hosts]:
    """Make a node at 10.77.1.1 and another host at 10.77.1.2 in namespaces below `directory`."""
    with network_namespace(directory / "n") as node, network_namespace(directory / "o") as other:
        inside, outside = ("nsenter", f"--net={node}"), ("nsenter", f"--net={other}")
        run(*inside, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(other))
        for where, address in ((inside, NODE_ADDRESS), (outside, OTHER_HOST_ADDRESS)):
            run(*where, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            run(*where, "ip", "link", "set", "eth0", "up")
        run(*inside, "ip", "route", "add", "default", "via", OTHER_HOST_ADDRESS)
        # A new namespace begins with the machine's settings; tests begin with the kernel's.
        call_in_namespace(node, lambda: IP_FORWARD.write_text("0\n"))
        yield Hosts(node=node, other=other)
