"""Pods in few words."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from podstead.admission.values import NodeFacts, NodePod
from podstead.identity import PodKey
from podstead.k8s import core_v1 as v1

CRITICAL = 2_000_000_000


def pod(
    ports: tuple[int | v1.ContainerPort, ...] = (), cpu: str = "", memory: str = "", priority: int = 0, **spec: Any
) -> v1.Pod:
    requests = {name: text for name, text in (("cpu", cpu), ("memory", memory)) if text}
    container = v1.Container(
        name="c",
        ports=tuple(
            one if isinstance(one, v1.ContainerPort) else v1.ContainerPort(container_port=one, host_port=one)
            for one in ports
        ),
        resources=v1.ResourceRequirements(requests=requests),
    )
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default", labels=spec.pop("labels", {})),
        spec=v1.PodSpec(containers=(container,), priority=priority, **spec),
    )


def key(name: str) -> PodKey:
    return PodKey("default", name)


def running(name: str, content: v1.Pod, **more: Any) -> NodePod:
    return NodePod(key=key(name), effective=content, occupies=True, **more)


def restarting(name: str, content: v1.Pod, **more: Any) -> NodePod:
    return NodePod(key=key(name), effective=content, **more)


def waiting(name: str, content: v1.Pod, **more: Any) -> NodePod:
    return NodePod(key=key(name), candidate=content, **{"images_present": True, **more})


def node(cpu: int = 4, memory: int = 4 << 30, max_pods: int = 100, **more: Any) -> NodeFacts:
    labels = {"kubernetes.io/hostname": "node1", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "n": "7"}
    allocatable = {"cpu": Fraction(cpu), "memory": Fraction(memory)}
    return NodeFacts(name="node1", labels=labels, allocatable=allocatable, max_pods=max_pods, **more)
