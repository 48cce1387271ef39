"""Which AppArmor profile a container asks for: its field, its older annotation, or the pod's field, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
"""Older form of appArmorProfile: this key with the container's name behind it."""

LOCALHOST = "localhost/"
_WORDS = {"runtime/default": "RuntimeDefault", "unconfined": "Unconfined"}


def profile_of(pod: v1.Pod, container: v1.Container) -> v1.AppArmorProfile | None:
    """Return the profile that a container asks for; None leaves it to the runtime."""
    own = container.security_context.app_armor_profile if container.security_context else None
    if own is not None:
        return own
    annotation = pod.metadata.annotations.get(ANNOTATION + container.name, "")
    if annotation in _WORDS:
        return v1.AppArmorProfile(type=_WORDS[annotation])
    if annotation.startswith(LOCALHOST):
        return v1.AppArmorProfile(type="Localhost", localhost_profile=annotation.removeprefix(LOCALHOST))
    return pod.spec.security_context.app_armor_profile if pod.spec.security_context else None


def confined(pod: v1.Pod) -> Iterator[str]:
    """Yield the containers that ask to be confined, which only a host with AppArmor can do."""
    for container in all_containers(pod.spec):
        profile = profile_of(pod, container)
        if profile is not None and profile.type != "Unconfined":
            yield container.name
