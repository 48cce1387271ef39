"""Environments from ConfigMaps and Secrets: order, prefixes, what is optional, and errors that hold no value."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from podstead.k8s import core_v1 as v1
from podstead.k8s.expansion import PodFacts, UnresolvedError, command_line, environment
from tests.support.canary import CANARY

WEB = v1.ConfigMapEnvSource(name="web")
DB = v1.SecretEnvSource(name="db")


@dataclass(frozen=True, kw_only=True)
class Held:
    data: dict[str, bytes]
    binary: frozenset[str] = field(default_factory=frozenset)


OBJECTS = {
    ("ConfigMap", "web"): Held(
        data={"MODE": b"prod", "URL": b"$(MODE)", "logo": bytes([1])}, binary=frozenset({"logo"})
    ),
    ("Secret", "db"): Held(data={"MODE": b"dev", "password": CANARY.encode(), "empty": b""}),
    ("Secret", "raw"): Held(data={"latin": CANARY.encode() + bytes([0xE9]), "nul": CANARY.encode() + bytes(1)}),
}
FACTS = PodFacts(uid="u-1", find=lambda kind, name: OBJECTS.get((kind, name)))


def resolved(*env: v1.EnvVar, origins: tuple[v1.EnvFromSource, ...] = (), facts: PodFacts = FACTS) -> dict[str, str]:
    container = v1.Container(name="main", env=env, env_from=origins)
    pod = v1.Pod(metadata=v1.ObjectMeta(name="web-node1", namespace="shop"), spec=v1.PodSpec(containers=(container,)))
    return dict(environment(container, pod, facts))


def secret(name: str, key: str, *, optional: bool = False, entry: str = "A") -> v1.EnvVar:
    selector = v1.SecretKeySelector(name=name, key=key, optional=optional)
    return v1.EnvVar(name=entry, value_from=v1.EnvVarSource(secret_key_ref=selector))


def config(name: str, key: str, *, optional: bool = False, entry: str = "A") -> v1.EnvVar:
    selector = v1.ConfigMapKeySelector(name=name, key=key, optional=optional)
    return v1.EnvVar(name=entry, value_from=v1.EnvVarSource(config_map_key_ref=selector))


def test_single_keys() -> None:
    found = resolved(secret("db", "password"), config("web", "MODE", entry="B"), secret("db", "empty", entry="C"))
    assert found == {"A": CANARY, "B": "prod", "C": ""}


def test_whole_objects_without_what_is_binary() -> None:
    origins = (v1.EnvFromSource(config_map_ref=WEB), v1.EnvFromSource(secret_ref=DB, prefix="DB_"))
    assert resolved(origins=origins) == {
        "MODE": "prod", "URL": "$(MODE)", "DB_MODE": "dev", "DB_password": CANARY, "DB_empty": "",
    }  # fmt: skip


def test_later_objects_replace_earlier_ones_and_entries_replace_both() -> None:
    origins = (v1.EnvFromSource(config_map_ref=WEB), v1.EnvFromSource(secret_ref=DB))
    assert resolved(origins=origins)["MODE"] == "dev"
    assert resolved(v1.EnvVar(name="MODE", value="test"), origins=origins)["MODE"] == "test"


def test_entries_see_what_objects_brought_in() -> None:
    origins = (v1.EnvFromSource(secret_ref=DB, prefix="DB_"),)
    found = resolved(v1.EnvVar(name="DSN", value="user:$(DB_password)@$(DB_MODE)"), origins=origins)
    assert found["DSN"] == f"user:{CANARY}@dev"
    container = v1.Container(name="main", args=("-p$(DB_password)",))
    assert command_line(container, found.items())[1] == (f"-p{CANARY}",)


def test_what_is_optional_may_be_absent_and_then_sets_nothing() -> None:
    none = v1.EnvFromSource(config_map_ref=v1.ConfigMapEnvSource(name="none", optional=True))
    assert resolved(origins=(none,)) == {}
    assert resolved(secret("none", "k", optional=True), config("web", "none", optional=True, entry="B")) == {}
    kept = resolved(secret("db", "none", optional=True, entry="MODE"), origins=(v1.EnvFromSource(config_map_ref=WEB),))
    assert kept["MODE"] == "prod"


@pytest.mark.parametrize(
    ("env", "origin", "sentence"),
    [
        (secret("none", "k"), None, "cannot set A: there is no Secret shop/none: write it into a file of the objects directory"),
        (config("none", "k"), None, "cannot set A: there is no ConfigMap shop/none: write it into a file of the objects directory"),
        (secret("db", "user"), None, "cannot set A: Secret db has no key 'user'"),
        (config("web", "logo"), None, "cannot set A: key 'logo' of ConfigMap web is binary: mount it in a volume"),
        (secret("raw", "latin"), None, "cannot set A: key 'latin' of Secret raw is not UTF-8: mount it in a volume"),
        (secret("raw", "nul"), None, "cannot set A: key 'nul' of Secret raw holds a NUL byte: mount it in a volume"),
        (None, v1.SecretEnvSource(name="none"), "cannot set the environment: there is no Secret shop/none: write it into a file of the objects directory"),
        (None, v1.SecretEnvSource(name="raw"), "cannot set latin: key 'latin' of Secret raw is not UTF-8: mount it in a volume"),
    ],
)  # fmt: skip
def test_an_error_names_entry_object_and_key_and_no_value(
    env: v1.EnvVar | None, origin: v1.SecretEnvSource | None, sentence: str
) -> None:
    with pytest.raises(UnresolvedError) as caught:
        resolved(*([env] if env else []), origins=(v1.EnvFromSource(secret_ref=origin),) if origin else ())
    assert str(caught.value) == sentence
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_node_without_objects_has_none() -> None:
    with pytest.raises(UnresolvedError, match="there is no Secret shop/db"):
        resolved(secret("db", "password"), facts=PodFacts(uid="u-1"))
