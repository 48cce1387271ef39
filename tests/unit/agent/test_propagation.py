"""Mount propagation that cannot reach the host is refused, not forgotten (foundation 5)."""

from __future__ import annotations

import pytest

from podstead.agent.requests import refuse_propagation
from podstead.errors import RuntimeFault
from podstead.k8s import core_v1 as v1


def pod(propagation: str | None, volume: v1.Volume) -> v1.Pod:
    mount = v1.VolumeMount(name="data", mount_path="/data", mount_propagation=propagation)
    container = v1.Container(name="main", volume_mounts=(mount,))
    return v1.Pod(metadata=v1.ObjectMeta(name="web"), spec=v1.PodSpec(containers=(container,), volumes=(volume,)))


OF_HOST = v1.Volume(name="data", host_path=v1.HostPathVolumeSource(path="/mnt"))
OF_POD = v1.Volume(name="data", empty_dir=v1.EmptyDirVolumeSource())


@pytest.mark.parametrize("propagation", ["HostToContainer", "Bidirectional"])
def test_mounts_that_would_not_pass_are_refused(propagation: str) -> None:
    asking = pod(propagation, OF_HOST)
    with pytest.raises(RuntimeFault, match=f"{propagation} for volume data") as raised:
        refuse_propagation(asking.spec.containers[0], asking)
    assert raised.value.reason == "CreateContainerConfigError"


@pytest.mark.parametrize(
    ("propagation", "volume"),
    [(None, OF_HOST), ("None", OF_HOST), ("HostToContainer", OF_POD), ("Bidirectional", OF_POD)],
)
def test_what_works_is_let_through(propagation: str | None, volume: v1.Volume) -> None:
    """Volumes of the pod lie below the root directory, whose mounts are shared."""
    asking = pod(propagation, volume)
    assert refuse_propagation(asking.spec.containers[0], asking) is None  # type: ignore[func-returns-value]  # it returns at all
