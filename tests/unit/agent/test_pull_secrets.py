"""A pod's pull credentials: what can be used of its imagePullSecrets, and what is said of the rest."""

from __future__ import annotations

import json

from podstead.agent.pull_secrets import pull_credentials
from podstead.k8s import core_v1 as v1
from podstead.k8s.image_reference import ImageReference, parse
from podstead.state.objects import LocalObject, ObjectKey, digest_of
from podstead.state.references import secret
from tests.support.canary import CANARY

AUTHS = {"quay.io": {"username": "me", "password": CANARY}}
JSON, CFG = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"


class Objects:
    def __init__(self, **held: tuple[str, str, str]) -> None:
        self._held = {
            secret("shop", name): LocalObject(
                key=secret("shop", name), data={key: text.encode()}, digest=digest_of(kind, {}), type=kind
            )
            for name, (kind, key, text) in held.items()
        }

    def get(self, key: ObjectKey) -> LocalObject | None:
        return self._held.get(key)


def pod(*names: str) -> v1.Pod:
    secrets = tuple(v1.LocalObjectReference(name=name) for name in names)
    return v1.Pod(metadata=v1.ObjectMeta(namespace="shop"), spec=v1.PodSpec(containers=(), image_pull_secrets=secrets))


def reference() -> ImageReference:
    found = parse("quay.io/team/app:1")
    assert isinstance(found, ImageReference)
    return found


def test_both_types_hold_credentials() -> None:
    objects = Objects(
        new=(JSON, ".dockerconfigjson", json.dumps({"auths": AUTHS})), old=(CFG, ".dockercfg", json.dumps(AUTHS))
    )
    found = pull_credentials(pod("new", "old"), objects)
    assert found.faults == ()
    auths = [file.find(reference()) for file in found.files]
    assert [(auth.username, auth.password) for auth in auths if auth is not None] == [("me", CANARY)] * 2


def test_what_cannot_be_used_is_said_without_a_value() -> None:
    broken = json.dumps({"auths": {CANARY: {"auth": CANARY}}})
    objects = Objects(
        plain=("Opaque", "x", CANARY), broken=(JSON, ".dockerconfigjson", broken), bad=(CFG, ".dockercfg", CANARY)
    )
    found = pull_credentials(pod("none", "plain", "broken", "bad"), objects)
    assert found.faults == (
        "there is no Secret shop/none",
        f"Secret shop/plain is of type Opaque, and pull credentials are of type {JSON} or {CFG}",
        "Secret shop/broken holds something that is not as docker login writes it",
        "Secret shop/bad holds something that is not as docker login writes it",
    )
    assert CANARY not in repr(found)


def test_a_pod_without_any_asks_nobody() -> None:
    assert pull_credentials(pod(), Objects()).files == ()
