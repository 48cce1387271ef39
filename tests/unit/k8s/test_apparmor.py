"""Who asks for an AppArmor profile, and for which."""

from __future__ import annotations

import pytest

from podstead.k8s import core_v1 as v1
from podstead.k8s.apparmor import ANNOTATION, confined, profile_of


def pod(own: str | None, annotation: str | None, shared: str | None) -> v1.Pod:
    profile = v1.AppArmorProfile(type=own) if own else None
    container = v1.Container(name="main", security_context=v1.SecurityContext(app_armor_profile=profile))
    context = v1.PodSecurityContext(app_armor_profile=v1.AppArmorProfile(type=shared) if shared else None)
    return v1.Pod(
        metadata=v1.ObjectMeta(name="web", annotations={f"{ANNOTATION}main": annotation} if annotation else {}),
        spec=v1.PodSpec(containers=(container,), security_context=context),
    )


@pytest.mark.parametrize(
    ("own", "annotation", "shared", "expected"),
    [
        ("RuntimeDefault", "unconfined", "Unconfined", ("RuntimeDefault", None)),
        (None, "localhost/tight", "Unconfined", ("Localhost", "tight")),
        (None, "runtime/default", "Unconfined", ("RuntimeDefault", None)),
        (None, "unconfined", "RuntimeDefault", ("Unconfined", None)),
        (None, "of some other kind", "Unconfined", ("Unconfined", None)),
        (None, None, "RuntimeDefault", ("RuntimeDefault", None)),
        (None, None, None, None),
    ],
)
def test_the_nearest_wish_counts(
    own: str | None, annotation: str | None, shared: str | None, expected: tuple[str, str | None] | None
) -> None:
    asking = pod(own, annotation, shared)
    found = profile_of(asking, asking.spec.containers[0])
    assert (None if found is None else (found.type, found.localhost_profile)) == expected
    asks = expected is not None and expected[0] != "Unconfined"
    assert list(confined(asking)) == (["main"] if asks else [])


def test_an_init_container_asks_as_well() -> None:
    security = v1.SecurityContext(app_armor_profile=v1.AppArmorProfile(type="RuntimeDefault"))
    spec = v1.PodSpec(containers=(), init_containers=(v1.Container(name="setup", security_context=security),))
    assert list(confined(v1.Pod(metadata=v1.ObjectMeta(name="web"), spec=spec))) == ["setup"]
