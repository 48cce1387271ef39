"""A policy as it is judged by, and what must be known about a file to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.policy.pod_security.levels import Level, Standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.policy.patterns import PodPattern
    from podstead.policy.rules import Rule

NO_DEADLINE = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Whom an entry of the policy is for: pods by name, and, for content that nobody signed, the content itself.

    `digests` are those of whole manifest files, `sha256:` and 64 hex digits.
    """

    pods: tuple[PodPattern, ...]
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Another level for some pods. `position` is its place in the file's list, from 0."""

    grant: Grant
    standard: Standard
    reason: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """What some pods may do although a control forbids it.

    `values` empty: whatever the value. `until` is the Unix second from which it counts no more, `until_text` as written.
    """

    name: str
    grant: Grant
    controls: frozenset[str]
    values: frozenset[str]
    reason: str
    owner: str
    until: float
    until_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRules:
    """Where images may come from. `registries` empty: from anywhere; `deny` wins over it. Both are full names."""

    registries: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    require_digest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPathRule:
    """A directory below which pods may mount; `read_only`: by mounts that cannot write alone."""

    prefix: str
    read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityRule:
    """Who may use these priority classes."""

    grant: Grant
    classes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Which pods some principals may sign for; `principals` are patterns as OpenSSH has them."""

    principals: tuple[str, ...]
    pods: tuple[PodPattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator decided. `host_paths` None: hostPath volumes are the levels' matter alone."""

    name: str = ""
    standard: Standard = field(default=Standard(level=Level.PRIVILEGED))
    overrides: tuple[Override, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    rules: tuple[Rule, ...] = ()
    images: ImageRules = ImageRules()
    host_paths: tuple[HostPathRule, ...] | None = None
    priorities: tuple[PriorityRule, ...] = ()
    signers: tuple[Signer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a manifest comes from. `signed`: somebody answers for it; `principals` are the patterns of the signer's line.

    `digest` is that of the whole file, `pins` the images that the signer bound to a digest, as the manifest writes them.
    """

    file: str
    digest: str = ""
    signed: bool = False
    principals: str = ""
    pins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a verdict depends on besides policy and manifest. `now` is Unix seconds.

    `enforce`: signatures are enforced, so what equals root needs an exemption. `paths` says what paths of the node lead
    to; a path that is not in it is compared by its name.
    """

    node: str
    now: float
    enforce: bool = False
    paths: Mapping[str, PathFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class PathStep:
    """One component of a path as the node has it: device, inode, and the mount that it is reached through."""

    device: int
    inode: int
    mount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFacts:
    """What a path leads to: its real name, each directory from the root down to it, and what is not there yet."""

    real: str
    steps: tuple[PathStep, ...]
    missing: tuple[str, ...] = ()
