"""The names of all controls that an exemption may lift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.policy.host_paths import PREFIXES
from podstead.policy.images import DENIED, DIGESTS, REGISTRIES
from podstead.policy.pod_security.controls import CONTROLS
from podstead.policy.priorities import CRITICAL
from podstead.policy.root_equal import ROOT_EQUAL
from podstead.policy.rules import RULE_CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OF_PODSTEAD = {
    REGISTRIES: "images from elsewhere than images.registries",
    DENIED: "images from images.deny",
    DIGESTS: "images without a digest, where images.requireDigest is set",
    PREFIXES: "hostPath volumes beside those of hostPaths",
    CRITICAL: "a priority that makes other pods go, but for those of priorities",
}
"""Controls that are not of the Pod Security Standards. Who may sign is not lifted: it is what everything else stands on."""


def controls(rules: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every name, those of a policy's own rules among them."""
    standards = dict.fromkeys(control.name for control in CONTROLS)
    roots = (way.name for way in ROOT_EQUAL)
    return (*standards, *OF_PODSTEAD, *roots, *(f"{RULE_CONTROL}{name}" for name in rules))


def described() -> Iterator[tuple[str, str, str]]:
    """Yield every control with the level that it belongs to, and what it forbids where its name does not say so."""
    for name in dict.fromkeys(control.name for control in CONTROLS):
        levels = " ".join(sorted({str(control.level) for control in CONTROLS if control.name == name}))
        judges = [judge for control in CONTROLS if control.name == name for _, judge in control.revisions[:1]]
        yield name, levels.partition(" ")[0], _first_sentence(judges[0])
    for name, what in OF_PODSTEAD.items():
        yield name, "podstead", what
    for way in ROOT_EQUAL:
        yield way.name, "root", f"equals root: {way.what}".replace("`", "")


def as_markdown() -> str:
    """Return the table of all controls."""
    rows = (f"| {name} | {of} | {what.replace('|', '/')} |\n" for name, of, what in described())
    return "| control | of | |\n|---|---|---|\n" + "".join(rows)


def _first_sentence(judge: object) -> str:
    """Return what a control's own documentation says of it, without its name."""
    told = getattr(judge, "func", judge).__doc__ or ""
    return told.partition(": ")[2].partition("\n")[0].rstrip(".") or "what the standard lists"
