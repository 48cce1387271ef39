"""What the handlers need of the agent and cannot read from the store: the port, and its values.

`daemon` fills the port in. The values are structs whose JSON is the API's own (camelCase names); times are RFC 3339
strings, as everywhere in the API. Errors: a `podstead.errors.PodsteadError` is answered by the table in
`server.faults`; anything else is a mistake of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from podstead.manifest.reading import Message  # noqa: TC001 - msgspec resolves the annotation at run time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


class FileReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of the manifest directory or of the objects directory.

    `verdict` is Accepted, Rejected or Ignored (Pending while it is being read); `reason` is CamelCase, empty when
    accepted, but for ConfigurationNewer: a pod of it runs with an older configuration than there is. `pods` are
    `namespace/name`, `objects` are `Secret namespace/name`, `revision` is the content's last admitted revision and
    `running` the one its containers run (of several documents: joined by commas). `modified` is RFC 3339 or empty.
    """

    path: str
    verdict: str
    reason: str = ""
    messages: tuple[Message, ...] = ()
    pods: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    revision: str = ""
    running: str = ""
    owner: str = ""
    modified: str = ""
    writer: str = ""
    """Who changed it last, as a sentence's end; empty where nobody was seen."""


class LocalObjectReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One ConfigMap or Secret of the node: everything but its data, which is never served, not even encoded.

    `keys` is how many it has, `taken` when its content was taken (RFC 3339), `file` the name of the file that gave it;
    `gone` says that no file gives it any more, and that it is kept for the pods that refer to it.
    """

    kind: str
    namespace: str
    name: str
    keys: int
    taken: str
    file: str
    type: str = ""
    immutable: bool = False
    gone: bool = False


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that is wrong with the node as a whole: a CamelCase reason, a sentence, and what to type."""

    reason: str
    message: str
    advice: str = ""


class RuntimeReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The container runtime, as the agent sees it now. `private` is True for a containerd of the agent's own."""

    name: str = ""
    version: str = ""
    endpoint: str = ""
    oci_runtime: str = ""
    private: bool = False
    ready: bool = False
    network_ready: bool = False
    message: str = ""


class NodeStatusReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The facts of one screen: who this node is, what it works with, what is wrong. `started_at` is RFC 3339.

    `ready` is True once the first look at the directory is done and the runtime answers; it is what /readyz says.
    """

    node: str
    version: str
    instance: str
    address: str = ""
    started_at: str = ""
    root: str = ""
    directory: str = ""
    objects: str = ""
    """The objects directory; empty without one."""
    url: str = ""
    ready: bool = False
    runtime: RuntimeReport = RuntimeReport()
    signatures: str = ""
    """The mode of signatures, whose count and which index is in force; empty where nobody looks at them."""
    shutdown: str = ""
    """What becomes of the pods when the machine goes down."""
    policy: str = ""
    """Which policy is in force, in a few words; empty where nobody could give one."""
    problems: tuple[Problem, ...] = ()


class ImageReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An image the runtime holds. `size` is bytes; `pods` are those (`namespace/name`) whose revisions need it."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    pinned: bool = False
    pods: tuple[str, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One step of long work: a sentence, and how far it is where that can be said (any unit, `total` 0: unknown)."""

    message: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which log to read and how much of it; the pod and the container are known to exist.

    `uid` is the incarnation (`kubernetes.io/config.hash`), by which log directories are named. `previous` asks for
    the last ended attempt. `since` is Unix seconds, `tail_lines` counts from the end after `since` was applied,
    `limit_bytes` ends the output. `timestamps` puts RFC 3339 with nanoseconds and a blank before each line. `follow`
    goes on until the container ends for good or the iterator is closed. `waiting` is what the container's status says
    that it waits for.
    """

    namespace: str
    name: str
    uid: str
    container: str
    previous: bool = False
    follow: bool = False
    timestamps: bool = False
    since: float | None = None
    tail_lines: int | None = None
    limit_bytes: int | None = None
    waiting: str = "ContainerCreating"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """A command for a container that is known to exist; `command` is never logged (foundation 24)."""

    namespace: str
    name: str
    container: str
    command: tuple[str, ...]
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


class AgentPort(Protocol):
    """The agent, as far as the API needs it beyond the objects in the store."""

    def files(self) -> Sequence[FileReport]:
        """Return every entry of the manifest directory as of the last look, sorted by path."""
        ...

    def local_objects(self) -> Sequence[LocalObjectReport]:
        """Return the ConfigMaps and Secrets of the node, sorted by kind, namespace and name."""
        ...

    def status(self) -> NodeStatusReport:
        """Return the node's facts as of now, without asking anyone."""
        ...

    async def open_log(self, request: LogRequest) -> AsyncIterator[bytes]:
        """Open a log and return its pieces (whole lines, any number a piece).

        Raises `OperatorError` with Kubernetes' sentence when there is nothing to read (`previous terminated container
        "c" in pod "p" not found`, `container "c" in pod "p" is waiting to start: ContainerCreating`).
        """
        ...

    async def exec_stream_url(self, request: ExecRequest) -> str:
        """Return the one-shot URL of the runtime's streaming server; raises `RuntimeFault` (not running, …)."""
        ...

    async def images(self) -> Sequence[ImageReport]:
        """Return the images the runtime holds; raises `RuntimeFault`."""
        ...

    def pull_image(self, image: str) -> AsyncIterator[Progress]:
        """Pull an image, telling of it; the pull is over when the iterator is. Raises `PodsteadError`."""
        ...

    def import_image(self, path: str) -> AsyncIterator[Progress]:
        """Import an image archive that lies on the node, telling of it. Raises `PodsteadError`."""
        ...

    async def remove_image(self, name: str) -> Sequence[str]:
        """Remove an image by tag or id and return the names that went with it; raises `PodsteadError`.

        Raises `OperatorError` when a revision needs it (foundation 23), `NotFoundFault` when there is none.
        """
        ...

    def stop_all(self) -> AsyncIterator[Progress]:
        """Stop every pod of this instance and the private runtime, telling of it."""
        ...

    async def accept_directory(self) -> str:
        """Take the directory as it is now for the true one (foundation 9); return a sentence on what changes."""
        ...
