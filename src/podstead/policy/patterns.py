"""Which pods a policy means: `NAMESPACE/NAME`, each with `*` and `?`; the name is the manifest's, without the node's suffix."""

from __future__ import annotations

import re
from dataclasses import dataclass

from podstead.signing.patterns import matches

_PATTERN = re.compile(r"[a-z0-9*?]([-a-z0-9.*?]*[a-z0-9*?])?/[a-z0-9*?]([-a-z0-9.*?]*[a-z0-9*?])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPattern:
    """Pods by namespace and name."""

    namespace: str
    name: str

    def fits(self, namespace: str, name: str) -> bool:
        """Return whether it means this pod. Neither of a pod's names holds a comma or `!`, nor does a pattern."""
        return matches(namespace, self.namespace) and matches(name, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def pattern_reason(text: str) -> str | None:
    """Return why a text is not a pattern of pods."""
    if "/" not in text:
        return "must be NAMESPACE/NAME, as in default/mysql or kube-system/*"
    if _PATTERN.fullmatch(text) is None:
        return "must be NAMESPACE/NAME in lower case letters, digits, '-', '.', '*' and '?'"
    return None


def pod_pattern(text: str) -> PodPattern:
    """Return the pattern that a text with no reason against it is."""
    namespace, _, name = text.partition("/")
    return PodPattern(namespace=namespace, name=name)
