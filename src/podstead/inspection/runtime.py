"""The runtime's pods against the manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.inspection import rules
from podstead.inspection.findings import Finding, found
from podstead.k8s.names import dns1123_label
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.inspection.places import Summary
    from podstead.inspection.seen import SeenSandbox

_OURS = {"file", "http"}
"""Sources of pods that are no API server's."""


def judge_runtime(sandboxes: Iterable[SeenSandbox], files: Iterable[Summary], *, by_url: bool) -> Iterator[Finding]:
    """Yield the pods that run without a manifest, those that no kubelet made, and the manifests without a running pod.

    With `by_url` a kubelet fetches pods, whose manifests nobody can see here.
    """
    seen = tuple(sandboxes)
    wanted = {file.pod: file.path for file in files if file.pod}
    running = {f"{one.namespace}/{one.name}" for one in seen if one.ready}
    for one in seen:
        name, where = printable(f"{one.namespace}/{one.name}"), f"pod {one.namespace}/{one.name}"
        look = f"crictl --runtime-endpoint {one.endpoint} inspectp {one.id[:13]}"
        if dns1123_label(one.namespace) is not None:
            yield found(rules.NAMESPACE_INVALID, where, f"the runtime has the pod {name}", mend=look)
        if not one.ready:
            continue
        if not one.source:
            yield found(
                rules.POD_OF_NOBODY, where, f"the sandbox {one.id[:13]} has no kubelet's annotations", mend=look
            )
        elif (
            one.source in _OURS
            and f"{one.namespace}/{one.name}" not in wanted
            and not (by_url and one.source == "http")
        ):
            what = f"the runtime has it from the source {one.source}, and no file that was inspected is this pod"
            yield found(rules.POD_WITHOUT_MANIFEST, where, what, mend=look)
    for name, path in sorted(wanted.items()):
        if name not in running:
            yield found(
                rules.NOT_RUNNING, path, f"no sandbox of the pod {name} is ready in the runtime", mend="crictl pods"
            )
