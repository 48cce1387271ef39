"""What `podstead describe file` says of one file: the verdict, why, who wrote it, and whose word its pods run on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.outline import Outline
from podstead.cli.times import local_time
from podstead.k8s.labels import SIGNED_BY
from podstead.k8s.readiness import held
from podstead.manifest.reading import foremost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.k8s import core_v1 as v1
    from podstead.server.port import FileReport


def describe_file(report: FileReport, pods: Sequence[v1.Pod]) -> Outline:
    """Return everything about a file; `pods` are those that run of it."""
    outline = Outline()
    outline.add("Name", report.path.rsplit("/", 1)[-1])
    outline.add("Path", report.path)
    outline.add("Verdict", report.verdict + (f" ({report.reason})" if report.reason else ""))
    outline.add("Messages", *(f"{message.severity}: {message.placed}" for message in foremost(report.messages)))
    outline.add("Owner", report.owner or "unknown")
    outline.add("Changed", local_time(report.modified) or "unknown")
    outline.add("Writer", report.writer or "nobody was seen")
    outline.add("Revision", *([report.revision] if report.revision else []))
    outline.add("Running", *([report.running] if report.running else []))
    if report.objects:
        outline.add("Objects", *report.objects)
    if not report.pods:
        outline.add("Pods")
        return outline
    found = {_key(pod): pod for pod in pods}
    rows = [("Pod", "Phase", "Signed By", "Held")]
    rows += [(key, *_cells(found.get(key))) for key in report.pods]
    outline.table("Pods", rows)
    return outline


def _cells(pod: v1.Pod | None) -> tuple[str, str, str]:
    if pod is None:
        return "not there", "", ""
    phase = pod.status.phase if pod.status else None
    signer = (pod.metadata.annotations or {}).get(SIGNED_BY, "nobody")
    why = held(pod)
    return phase or "Unknown", signer, (why.reason or "yes") if why else "no"


def _key(pod: v1.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
