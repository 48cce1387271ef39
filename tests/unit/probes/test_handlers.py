"""Which handler is asked, and where."""

from __future__ import annotations

import dataclasses

import pytest

from podstead.k8s import core_v1 as v1
from podstead.probes.attempt import Attempt, Result
from podstead.probes.handlers import attempt, resolve_port
from podstead.state.probes import ProbeKind, ProbeTarget
from tests.unit.probes.simulators import Containers, HandClock, serving, target
from tests.unit.probes.test_tcp import quiet


@pytest.mark.parametrize(
    ("port", "number"),
    [
        (80, 80),
        (65535, 65535),
        (0, None),
        (65536, None),
        ("web", 8080),
        ("81", 81),
        ("0", None),
        ("99999", None),
        ("none", None),
        ("", None),
        ("9" * 5000, None),
        ("\u0661", None),
    ],
)
def test_ports(port: int | str, number: int | None) -> None:
    assert resolve_port(port, {"web": 8080}) == number


async def ask(probe: v1.Probe, **changes: object) -> Attempt:
    made: ProbeTarget = dataclasses.replace(target(ProbeKind.LIVENESS, probe=probe), **changes)  # type: ignore[arg-type]  # test data
    return await attempt(made, Containers(HandClock()).exec_sync, 2.0)


async def test_the_pods_address_unless_the_probe_names_a_host() -> None:
    async with serving(quiet) as port:
        named = v1.Probe(tcp_socket=v1.TCPSocketAction(port="web"))
        assert (await ask(named, ports={"web": port})).result is Result.SUCCESS
        assert (await ask(named, ports={"web": port}, host="127.255.255.254")).result is Result.FAILURE
        own = v1.Probe(tcp_socket=v1.TCPSocketAction(port=port, host="127.0.0.1"))
        assert (await ask(own, host="")).result is Result.SUCCESS


@pytest.mark.parametrize(
    "probe",
    [
        v1.Probe(tcp_socket=v1.TCPSocketAction(port=1)),
        v1.Probe(http_get=v1.HTTPGetAction(port=1)),
        v1.Probe(grpc=v1.GRPCAction(port=1)),
    ],
)
async def test_a_pod_without_an_address_is_not_this_machine(probe: v1.Probe) -> None:
    assert await ask(probe, host="") == Attempt(Result.ERROR, "the pod has no address yet")


async def test_no_handler_is_an_error() -> None:
    assert (await ask(v1.Probe())).result is Result.ERROR
