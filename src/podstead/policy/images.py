"""Where images may come from, by their full names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podstead.k8s.image_reference import InvalidReference, parse
from podstead.policy.pod_security.faults import places
from podstead.policy.violation import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.k8s import core_v1 as v1
    from podstead.policy.values import ImageRules, Origin

REGISTRIES = "Image Registries"
DENIED = "Denied Images"
DIGESTS = "Image Digests"
_HTTPS_PORT = re.compile(r":0*443$")


def full_name(text: str) -> str:
    """Return the full name of a registry, a repository or a part of one: `mysql` is docker.io/library/mysql.

    What has a dot, a port or is localhost is a registry, as in an image's own name.
    """
    first, _, rest = text.rstrip("/").partition("/")
    host = first == "localhost" or "." in first or ":" in first
    if host and not rest:
        return "docker.io" if first == "index.docker.io" else first
    found = parse(text.rstrip("/"))
    return text if isinstance(found, InvalidReference) else f"{found.host}/{found.path}"


def registry_reason(text: str) -> str | None:
    """Return why a text names no registry and no repository."""
    if "://" in text or "@" in text or any(c.isspace() or c in "*?" for c in text) or not text.strip("/"):
        return "must be a registry or a repository, such as registry.example.com/team or docker.io/library/mysql"
    last = text.rstrip("/").rpartition("/")[2]
    if "/" in text and ":" in last:
        return "must be a repository without a tag: every tag of it is meant"
    first, _, rest = text.rstrip("/").partition("/")
    if rest or not ("." in first or ":" in first or first == "localhost"):
        found = parse(text.rstrip("/"))
        return found.why if isinstance(found, InvalidReference) else None
    return None


def image_breaches(pod: v1.Pod, rules: ImageRules, origin: Origin) -> Iterator[Breach]:
    """Yield the images, those of image volumes too, that the rules do not allow."""
    if rules.registries or rules.deny or rules.require_digest:
        for field, image in _images(pod):
            yield from _judge(field, image, rules, origin)


def _images(pod: v1.Pod) -> Iterator[tuple[str, str]]:
    for place in places(pod):
        yield f"{place.path}.image", place.container.image or ""
    for index, volume in enumerate(pod.spec.volumes):
        if volume.image is not None:
            yield f"spec.volumes[{index}].image.reference", volume.image.reference or ""


def _judge(field: str, image: str, rules: ImageRules, origin: Origin) -> Iterator[Breach]:
    found = parse(image)
    if isinstance(found, InvalidReference):
        yield Breach(control=REGISTRIES, field=field, problem=f"the image {found.why}", value=image)
        return
    name = f"{found.host}/{found.path}"
    if (denied := next((one for one in rules.deny if _within(_plain(name), _plain(one))), None)) is not None:
        yield Breach(control=DENIED, field=field, problem=f"nothing may come from {denied}", value=image)
    if rules.registries and not any(_within(name, one) for one in rules.registries):
        listed = ", ".join(rules.registries)
        problem = f"{name} is not of the registries and repositories that are listed: {listed}"
        yield Breach(control=REGISTRIES, field=field, problem=problem, value=image)
    if rules.require_digest and not found.digest and image not in origin.pins:
        problem = "must name its digest: NAME@sha256:…, or be pinned by its signer (podstead sign --pin)"
        yield Breach(control=DIGESTS, field=field, problem=problem, value=image)


def _within(name: str, listed: str) -> bool:
    return name == listed or name.startswith(f"{listed}/")


def _plain(name: str) -> str:
    """Return a full name in the one spelling of its registry: DNS knows no case, and HTTPS has its port.

    For what is denied alone: another spelling of what is allowed is refused, which harms nobody.
    """
    host, slash, path = name.partition("/")
    return f"{_HTTPS_PORT.sub('', host).lower()}{slash}{path}"
