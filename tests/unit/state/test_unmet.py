"""What a pod refers to and does not get."""

from __future__ import annotations

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.state.objects import LocalObject, ObjectKey, digest_of
from podstead.state.references import config_map, references, secret
from podstead.state.unmet import unmet

POD = {
    "metadata": {"name": "web", "namespace": "ns"},
    "spec": {
        "initContainers": [{"name": "init", "envFrom": [{"secretRef": {"name": "of-init"}}]}],
        "containers": [
            {
                "name": "main",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "x", "optional": True}}},
                    {"name": "C", "value": "plain"},
                ],
            }
        ],
        "imagePullSecrets": [{"name": "regcred"}],
        "volumes": [
            {"name": "a", "configMap": {"name": "conf", "items": [{"key": "k", "path": "p"}]}},
            {"name": "b", "secret": {"secretName": "tls", "optional": True}},
            {"name": "c", "projected": {"sources": [{"secret": {"name": "part"}}, {"configMap": {"name": "conf"}}]}},
            {"name": "d", "emptyDir": {}},
        ],
    },
}


class Objects(dict[ObjectKey, LocalObject]):
    def add(self, key: ObjectKey, **data: bytes) -> None:
        self[key] = LocalObject(key=key, data=data, digest=digest_of("", data))


def test_what_is_required_and_not_there_is_named_once() -> None:
    pod, objects = msgspec.convert(POD, v1.Pod), Objects()
    assert unmet(pod, objects) == (
        "there is no Secret ns/of-init",
        "there is no Secret ns/db",
        "there is no ConfigMap ns/conf",
        "there is no Secret ns/part",
        "there is no Secret ns/regcred",
    )
    for name in ("of-init", "db", "part", "regcred"):
        objects.add(secret("ns", name), user=b"")
    objects.add(config_map("ns", "conf"), other=b"")
    assert unmet(pod, objects) == ("Secret ns/db has no key 'password'", "ConfigMap ns/conf has no key 'k'")
    objects.add(secret("ns", "db"), password=b"")
    objects.add(config_map("ns", "conf"), k=b"")
    assert unmet(pod, objects) == ()


def test_references_are_all_that_a_pod_names_optional_or_not() -> None:
    assert references(msgspec.convert(POD, v1.Pod)) == {
        *(secret("ns", name) for name in ("of-init", "db", "tls", "part", "regcred")),
        *(config_map("ns", name) for name in ("web", "conf")),
    }
