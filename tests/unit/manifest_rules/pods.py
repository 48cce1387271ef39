"""Pods for these tests, written as the JSON that a manifest means."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.manifest.defaults import apply_defaults

MYSQL: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mysql-node1", "namespace": "kube-system", "labels": {"run": "mysql"}},
    "spec": {
        "containers": [
            {
                "name": "mysql",
                "image": "mysql:5.7.39",
                "env": [{"name": "MYSQL_ROOT_PASSWORD", "value": "123456"}],
                "livenessProbe": {"tcpSocket": {"port": 3311}, "initialDelaySeconds": 15, "failureThreshold": 8},
                "ports": [{"containerPort": 3311, "name": "mysql"}],
                "resources": {"requests": {"cpu": "200m"}},
                "volumeMounts": [
                    {"mountPath": "/var/lib/mysql", "name": "data", "readOnly": False},
                    {"mountPath": "/etc/mysql/mysql.conf.d", "name": "conf"},
                ],
            }
        ],
        "volumes": [
            {"name": "data", "hostPath": {"path": "/opt/mysql/data", "type": "DirectoryOrCreate"}},
            {"name": "conf", "hostPath": {"path": "/opt/mysql/conf", "type": "DirectoryOrCreate"}},
        ],
    },
}

PAIR: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-node1", "namespace": "default", "labels": {"app": "web", "tier": "front"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "env": [
                    {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
                    {
                        "name": "PEER_CPU",
                        "valueFrom": {"resourceFieldRef": {"containerName": "log", "resource": "requests.cpu"}},
                    },
                ],
                "ports": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}],
                "volumeMounts": [{"mountPath": "/logs", "name": "logs"}, {"mountPath": "/www", "name": "www"}],
            },
            {
                "name": "log",
                "image": "busybox:1.36",
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                "volumeMounts": [{"mountPath": "/logs", "name": "logs"}],
            },
        ],
        "volumes": [
            {"name": "logs", "emptyDir": {}},
            {"name": "www", "hostPath": {"path": "/srv/www"}},
            {"name": "spare", "hostPath": {"path": "/srv/spare"}},
        ],
    },
}

REMOVE = object()
"""As the value of an edit: take the field away."""


def make(content: dict[str, Any]) -> v1.Pod:
    """Return the Pod of this JSON, not defaulted."""
    return msgspec.convert(content, v1.Pod)


def defaulted(content: dict[str, Any]) -> v1.Pod:
    """Return the Pod of this JSON with defaults."""
    return apply_defaults(make(content))


def edited(content: dict[str, Any], *edits: tuple[str, object]) -> dict[str, Any]:
    """Return a copy in which each dotted path (`spec.containers.0.image`) has a new value; lists grow by one."""
    result = copy.deepcopy(content)
    for path, value in edits:
        *parents, last = path.split(".")
        place: Any = result
        for step in parents:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if value is REMOVE:
            del place[int(last) if isinstance(place, list) else last]
        elif isinstance(place, list) and int(last) == len(place):
            place.append(value)
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return result
