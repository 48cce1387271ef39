"""`podstead.io/start-after`: the pods that must be ready before this one is started.

The value is a list of `NAMESPACE/NAME` or, in the pod's own namespace, `NAME`, separated by commas; a name is that of a
manifest, or the full one with the node's suffix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.identity import PodKey
from podstead.k8s import names
from podstead.k8s.annotations import START_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1

MOST_PODS = 16
"""Beyond that it is a mistake, and the graph of a node stays small."""


def start_after(pod: v1.Pod) -> tuple[PodKey, ...]:
    """Return the full names of the pods that a named static pod waits for, each once; what is malformed is left out."""
    own = PodKey(pod.metadata.namespace or "", pod.metadata.name or "")
    suffix = f"-{pod.spec.node_name}" if pod.spec.node_name else ""
    found = []
    for word in _words(pod):
        namespace, name = _split(word, own.namespace)
        if _word_problem(word) is None:
            found.append(PodKey(namespace, name if name.endswith(suffix) else name + suffix))
    return tuple(dict.fromkeys(found))


def start_after_problem(pod: v1.Pod) -> str | None:
    """Return what is wrong with the annotation of a named static pod, None where nothing is."""
    words = list(_words(pod))
    for word in words:
        if (problem := _word_problem(word)) is not None:
            return problem
    if PodKey(pod.metadata.namespace or "", pod.metadata.name or "") in start_after(pod):
        return "names the pod itself, which would never start: remove it"
    if len(words) > MOST_PODS:
        return f"names {len(words)} pods, the limit is {MOST_PODS}"
    return None


def _words(pod: v1.Pod) -> Iterator[str]:
    text = pod.metadata.annotations.get(START_AFTER, "")
    return (word.strip() for word in text.split(",") if word.strip())


def _split(word: str, namespace: str) -> tuple[str, str]:
    head, slash, tail = word.partition("/")
    return (head, tail) if slash else (namespace, head)


def _word_problem(word: str) -> str | None:
    namespace, name = _split(word, "default")
    if names.dns1123_label(namespace) is not None or names.dns1123_subdomain(name) is not None:
        return "must be names of pods, NAMESPACE/NAME or NAME, separated by commas"
    return None
