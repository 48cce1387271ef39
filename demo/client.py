"""A MySQL client that reaches the server over TCP from another network namespace, as another host would.

The program is the `mysql` of the pod's own image: it runs in the mount namespace of the container, in a network
namespace made for it, as nobody. So the host needs no client, and nothing of the server's own network is used.
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.errors import DemoError
from demo.ports import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY_SECONDS = 15.0
_NOBODY = 65534
_INTERFACE = "podstead-demo"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class QueryError(DemoError):
    """The server did not answer a query; the text is the client's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the server is, and as whom to log in."""

    address: str
    port: int
    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientNetwork:
    """A network namespace for the client. `gateway` is this machine's address on the cable to it; empty without one."""

    namespace: Path
    gateway: str = ""


def query(network: ClientNetwork, container_pid: int, server: Server, sql: str) -> list[list[str]]:
    """Run a query and return its rows.

    Raises:
        QueryError: the server does not answer, refuses the login or the query.
    """
    command = [
        "nsenter",
        f"--net={network.namespace}",
        f"--mount=/proc/{container_pid}/ns/mnt",
        # Only the namespaces are entered, not the container's confinement: so the program may be nobody's at most.
        f"--setgid={_NOBODY}",
        f"--setuid={_NOBODY}",
        "--wd=/",
        "mysql",
        "--no-defaults",
        "--protocol=TCP",
        f"--host={server.address}",
        f"--port={server.port}",
        f"--user={server.user}",
        "--connect-timeout=5",
        "--batch",
        "--skip-column-names",
        f"--execute={sql}",
    ]
    # The command line of a process is everybody's to read, its environment is not.
    environment = {"PATH": _PATH, "MYSQL_PWD": server.password, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=QUERY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise QueryError(f"no answer within {QUERY_SECONDS:.0f} s") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "[Warning]" not in line]
        raise QueryError(lines[-1] if lines else f"the client ended with {done.returncode}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def container_process(container: str) -> int | None:
    """Return the first process of a container, found by its cgroup; `container` is an id, None when none runs."""
    for process in processes():
        with contextlib.suppress(OSError):  # it has ended
            if container in (process / "cgroup").read_text(encoding="utf-8", errors="replace"):
                return int(process.name)
    return None


@contextlib.contextmanager
def client_network() -> Iterator[ClientNetwork]:
    """Make a network namespace with a cable to this one; both are gone at the end, however this program ends.

    Raises:
        DemoError: the kernel refuses, or no address range is free for the cable.
    """
    here, there = _free_addresses()
    # The namespace lives by this process, which ends when its standard input does.
    with subprocess.Popen(
        ("unshare", "--net", "sh", "-c", "echo made; exec cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"made\n":
                raise DemoError("cannot make a network namespace for the client")
            namespace = Path(f"/proc/{holder.pid}/ns/net")
            inside = ("nsenter", f"--net={namespace}")
            name = f"{_INTERFACE[:8]}{holder.pid}"[:15]
            _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            _ip("address", "add", f"{here}/30", "dev", name)
            _ip("link", "set", name, "up")
            _ip("address", "add", f"{there}/30", "dev", "eth0", within=inside)
            _ip("link", "set", "eth0", "up", within=inside)
            _ip("route", "add", "default", "via", here, within=inside)
            yield ClientNetwork(namespace=namespace, gateway=here)
        finally:
            holder.kill()


def _free_addresses() -> tuple[str, str]:
    """Return both ends of a /30 that this machine has no route to, of the range for trials (RFC 2544)."""
    for block in range(0, 256, 4):
        if not _ip("-4", "route", "show", "root", f"198.18.77.{block}/30", "table", "all").strip():
            return f"198.18.77.{block + 1}", f"198.18.77.{block + 2}"
    raise DemoError("no addresses of 198.18.77.0/24 are free for the client's network")


def _ip(*words: str, within: tuple[str, ...] = ()) -> str:
    try:
        done = subprocess.run((*within, "ip", *words), capture_output=True, text=True, check=True, timeout=30)
    except subprocess.CalledProcessError as error:
        raise DemoError(
            f"cannot make a network for the client: ip {' '.join(words)}: {error.stderr.strip()}"
        ) from error
    return done.stdout
