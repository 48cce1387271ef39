"""What is remembered of local objects: the content before the present one, and nothing of what is gone."""

from __future__ import annotations

from podstead.agent.objects import LocalObjects
from podstead.k8s import core_v1 as v1
from podstead.state.objects import HeldObject, LocalObject, digest_of
from podstead.state.references import secret

KEY = secret("default", "db")
CONTAINER = v1.Container(name="main", env_from=(v1.EnvFromSource(secret_ref=v1.SecretEnvSource(name="db")),))


def take(objects: LocalObjects, *values: bytes) -> None:
    """Let the objects be one Secret with this value, or none."""
    held = {}
    for value in values:
        data = {"password": value}
        content = LocalObject(key=KEY, data=data, digest=digest_of("Opaque", data))
        held[KEY] = HeldObject(object=content, file="db.yaml", document=1, since=0.0)
    objects.take(held)


def hidden(objects: LocalObjects) -> set[str]:
    return {text for text, _ in objects.hidden(CONTAINER, "default")}


def test_the_value_before_is_hidden_as_well() -> None:
    objects = LocalObjects()
    for value in (b"first", b"second", b"third"):
        take(objects, value)
    assert hidden(objects) == {"second", "third"}


def test_nothing_is_remembered_of_an_object_that_is_gone() -> None:
    objects = LocalObjects()
    take(objects, b"first")
    take(objects, b"second")
    take(objects)
    assert hidden(objects) == set()
    take(objects, b"third")
    assert hidden(objects) == {"third"}
