"""What differs in the handlers of lifecycle hooks from those of probes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from podstead.errors import DeadlineFault, RuntimeFault
from podstead.identity import ContainerID
from podstead.k8s import core_v1 as v1
from podstead.probes import hooks
from podstead.probes.attempt import SUCCEEDED, Attempt, Result
from tests.unit.probes.simulators import Containers, HandClock, serving
from tests.unit.probes.test_http import Web, reply

if TYPE_CHECKING:
    import asyncio

    from tests.unit.probes.simulators import Handler

SECRET = "hunter2-and-more"
SPEC = v1.Container(
    name="web",
    env=(v1.EnvVar(name="PASSWORD", value=SECRET),),
    ports=(v1.ContainerPort(container_port=1, name="bye"),),
)


async def run(
    handler: v1.LifecycleHandler, containers: Containers | None = None, *, host: str = "127.0.0.1", seconds: float = 5.0
) -> Attempt:
    target = hooks.HookTarget(spec=SPEC, container_id=ContainerID("c1"), host=host)
    return await hooks.run(handler, target, (containers or Containers(HandClock())).exec_sync, seconds)


async def ask(server: Handler, *, seconds: float = 5.0, **action: object) -> Attempt:
    async with serving(server) as port:
        made = v1.HTTPGetAction(port=port, path="/bye", **action)  # type: ignore[arg-type]  # test data
        return await run(v1.LifecycleHandler(http_get=made), seconds=seconds)


def exec_of(*command: str) -> v1.LifecycleHandler:
    return v1.LifecycleHandler(exec=v1.ExecAction(command=command))


async def test_a_command_is_run_as_it_is_written() -> None:
    containers = Containers(HandClock())
    assert await run(exec_of("say", "$(PASSWORD)", "$$"), containers) == SUCCEEDED
    assert [call[2:] for call in containers.calls] == [(("say", "$(PASSWORD)", "$$"), 5.0)]


async def test_what_a_failed_command_printed_is_not_told() -> None:
    containers = Containers(HandClock())
    containers.answers["say"] = [3]
    containers.output = SECRET.encode()
    assert await run(exec_of("say"), containers) == Attempt(Result.FAILURE, "the command ended with code 3")


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (DeadlineFault("late"), Result.FAILURE),
        (RuntimeFault(f"no {SECRET} in $PATH"), Result.ERROR),
        (RuntimeFault("it is away", transient=True), Result.DISREGARDED),
    ],
)
async def test_a_command_that_does_not_end(fault: RuntimeFault, result: Result) -> None:
    containers = Containers(HandClock())
    containers.answers["say"] = [fault]
    attempt = await run(exec_of("say"), containers)
    assert attempt.result is result
    assert SECRET not in attempt.message


@pytest.mark.parametrize("status", [200, 302, 404, 503])
async def test_any_status_is_a_success(status: int) -> None:
    web = Web(lambda _: reply(status, *(["Location: http://elsewhere.test/"] if status == 302 else [])))
    assert await ask(web) == SUCCEEDED
    (head,) = web.heads
    assert head.startswith("GET /bye HTTP/1.1\r\n")
    assert f"\r\nUser-Agent: {hooks.USER_AGENT}\r\n" in head


async def test_https_that_is_answered_in_plain_http_is_asked_again_once() -> None:
    heads: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        heads.append(first)
        writer.write(reply(200 if first.startswith(b"GET /bye") else 400))
        await writer.drain()

    attempt = await ask(plain, scheme="HTTPS")
    assert attempt.result is Result.WARNING
    assert attempt.message.endswith("was asked over HTTPS and answered over HTTP")
    assert len(heads) == 2


async def test_https_that_is_not_answered_at_all_is_a_failure() -> None:
    async def closing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)

    assert (await ask(closing, scheme="HTTPS")).result is Result.FAILURE


async def test_a_request_is_bounded() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()

    attempt = await ask(mute, seconds=0.1)
    assert attempt.result is Result.FAILURE
    assert attempt.message.endswith("within 0.1 s")


@pytest.mark.parametrize(
    ("handler", "host", "said"),
    [
        (v1.LifecycleHandler(http_get=v1.HTTPGetAction(port=1)), "", "no address"),
        (v1.LifecycleHandler(http_get=v1.HTTPGetAction(port="hello")), "127.0.0.1", "no port named 'hello'"),
        (v1.LifecycleHandler(), "127.0.0.1", "no handler"),
    ],
)
async def test_what_cannot_be_asked(handler: v1.LifecycleHandler, host: str, said: str) -> None:
    attempt = await run(handler, host=host)
    assert attempt.result is Result.ERROR
    assert said in attempt.message


async def test_a_port_by_its_name() -> None:
    attempt = await run(v1.LifecycleHandler(http_get=v1.HTTPGetAction(port="bye")))
    assert attempt == Attempt(Result.FAILURE, "cannot ask 127.0.0.1:1: Connection refused")
