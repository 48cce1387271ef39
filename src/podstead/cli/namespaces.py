"""Pods that are somewhere else: what a user who forgot the namespace wants to hear."""

from __future__ import annotations

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import AgentClient, ApiRefusedError
from podstead.cli.resources import PODS
from podstead.errors import PodsteadError
from podstead.k8s.text import printable

DEFAULT_NAMESPACE = "default"


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Pods(msgspec.Struct):
    items: list[_Pod] = []


def pods_elsewhere(client: AgentClient) -> list[_Pod]:
    """Return the pods outside the default namespace."""
    try:
        pods = decode(client.get(PODS.path()), _Pods).items
    except (PodsteadError, msgspec.DecodeError):
        return []  # a hint only: the answer itself has been given
    return [pod for pod in pods if pod.metadata.namespace != DEFAULT_NAMESPACE]


def explain_missing(client: AgentClient, name: str, error: ApiRefusedError) -> ApiRefusedError:
    """Return the 404 of a pod that was looked for without a namespace, with the namespace where there is one."""
    spaces = {
        pod.metadata.namespace
        for pod in pods_elsewhere(client)
        if name in {pod.metadata.name, pod.metadata.name.removesuffix(f"-{pod.spec.node_name}")}
    }
    if not spaces:
        return error
    found = sorted(spaces)
    where = f"namespace {found[0]}" if len(found) == 1 else f"namespaces {', '.join(found)}"
    hint = f"in namespace {DEFAULT_NAMESPACE}, but there is one in {where}: add -n {found[0]}"
    return ApiRefusedError(error.code, printable(f"{error} {hint}"))
