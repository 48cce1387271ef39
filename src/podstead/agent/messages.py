"""What is told of a container's end: its termination message (spec/kubelet-static-pods.md 5.8), the runtime's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s.containers import find_container
from podstead.k8s.text import blotted
from podstead.logs.paths import log_directory, log_path
from podstead.logs.reader import last_lines
from podstead.volumes.home import message_limit, wants_log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from podstead.agent.objects import LocalObjects
    from podstead.agent.table import PodTable
    from podstead.k8s import core_v1 as v1
    from podstead.state.observed import ObservedContainer
    from podstead.volumes.home import PodVolumes

LOG_LINES = 80
LOG_BYTES = 2048


class TerminationMessages:
    """Reads the message of a container that has exited."""

    def __init__(self, table: PodTable, volumes: PodVolumes, objects: LocalObjects, pod_logs: Path) -> None:
        self._table = table
        self._volumes = volumes
        self._objects = objects
        self._pod_logs = pod_logs

    async def of(self, exited: ObservedContainer) -> str:
        """Return what the runtime says and what the container left, cut to its share of the pod's messages.

        Empty where nothing is said, or the pod is not known.
        """
        session = self._table.by_uid(exited.uid)
        revision = session.revision(exited.revision) if session else None
        spec = find_container(revision.pod.spec, exited.name) if revision else None
        if session is None or revision is None or spec is None:
            return ""
        limit = message_limit(revision.pod)
        message = await self._volumes.read_message(revision.pod, exited.uid, exited.name, exited.attempt)
        if wants_log(spec, exited.exit_code, message):
            log = log_directory(self._pod_logs, session.key, exited.uid) / log_path(exited.name, exited.attempt)
            message = (await last_lines(log, LOG_LINES, min(LOG_BYTES, limit))).decode("utf-8", "replace")
        hidden = (*self._objects.hidden(spec, session.key.namespace), *session.file_values.get(spec.name, ()))
        said = without_values(exited.message, spec, hidden)
        return end_of(": ".join(part for part in (said, message) if part), limit)


def end_of(text: str, limit: int) -> str:
    """Return the end of a text that takes at most `limit` bytes; no character is cut in two."""
    return text.encode()[-limit:].decode("utf-8", "ignore")


def without_values(text: str, container: v1.Container, hidden: Iterable[tuple[str, str]] = ()) -> str:
    """Return a runtime's words without the values of a container's env, command and args that they repeat (foundation 24).

    A runtime quotes the program that it cannot find; the label says which field of the manifest to look at. `hidden` are
    the values that local objects give to its environment, each with its label.
    """
    values = [(entry.value, f"[env {entry.name}]") for entry in container.env if entry.value]
    for field, words in (("command", container.command), ("args", container.args)):
        values += [(word, f"[{field}[{index}]]") for index, word in enumerate(words)]
    return blotted(text, [*values, *hidden])
