"""A removal that a task stands in the way of ends that task, and nothing else, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.cri import removal
from podstead.cri.client import CRIClient
from podstead.cri.errors import CallError, Code
from podstead.errors import RuntimeFault
from podstead.identity import ContainerID, SandboxID

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from podstead.cri.methods import ReplyT, RequestT, ServerStream, Unary

FIRST, SECOND = "a" * 64, "b" * 64


def kept(task: str) -> CallError:
    return CallError(Code.FAILED_PRECONDITION, f"cannot delete running task {task}: failed precondition")


class Scripted:
    """A connection that answers each call with what is written down for it, and remembers what was asked."""

    def __init__(self, **answers: list[CallError | None]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []
        self.namespaces: list[str] = []
        """Of the calls that name one."""

    async def unary(self, method: Unary[RequestT, ReplyT], request: RequestT, deadline_seconds: float | None) -> ReplyT:
        self.asked.append((method.name, getattr(request, "container_id", "")))
        self.namespaces.extend(value for name, value in method.metadata if name == "containerd-namespace")
        answers = self.answers.get(method.name, [])
        if answers and (answer := answers.pop(0)) is not None:
            raise answer
        return method.reply_type()

    def stream(self, method: ServerStream[RequestT, ReplyT], request: RequestT) -> AsyncGenerator[ReplyT, None]:
        raise AssertionError(f"{method.name} is no call about a removal")

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "END_SECONDS", (0.0, 0.0))


async def test_every_task_of_a_sandbox_is_ended_once() -> None:
    connection = Scripted(RemovePodSandbox=[kept(FIRST), kept(SECOND)])
    await CRIClient(connection).remove_sandbox(SandboxID("c" * 64))
    ending = [(name, task) for task in (FIRST, SECOND) for name in ("Kill", "Delete")]
    assert [one for one in connection.asked if one[1]] == ending
    assert [name for name, _ in connection.asked].count("RemovePodSandbox") == 3


async def test_a_task_that_is_still_ending_is_asked_for_again() -> None:
    running = CallError(Code.FAILED_PRECONDITION, "cannot delete a running process")
    connection = Scripted(RemoveContainer=[kept(FIRST)], Delete=[running, running])
    await CRIClient(connection).remove_container(ContainerID(FIRST))
    assert [name for name, _ in connection.asked] == ["RemoveContainer", "Kill", *["Delete"] * 3, "RemoveContainer"]


async def test_a_task_that_has_gone_by_itself_is_no_trouble() -> None:
    gone = CallError(Code.NOT_FOUND, "not found")
    connection = Scripted(RemoveContainer=[kept(FIRST)], Kill=[gone], Delete=[gone])
    await CRIClient(connection).remove_container(ContainerID(FIRST))
    assert [name for name, _ in connection.asked].count("RemoveContainer") == 2


@pytest.mark.parametrize(
    ("answers", "removals"),
    [
        pytest.param({"Kill": [CallError(Code.UNIMPLEMENTED, "unknown service")]}, 1, id="no such service"),
        pytest.param({"Delete": [CallError(Code.FAILED_PRECONDITION, "running")] * 9}, 1, id="does not end"),
        pytest.param({}, 2, id="named again"),
    ],
)
async def test_the_first_refusal_is_told_where_nothing_helps(
    answers: dict[str, list[CallError | None]], removals: int
) -> None:
    connection = Scripted(RemoveContainer=[kept(FIRST), kept(FIRST)], **answers)
    with pytest.raises(RuntimeFault, match=r"^cannot remove container a+: cannot delete running task a+"):
        await CRIClient(connection).remove_container(ContainerID(FIRST))
    assert [name for name, _ in connection.asked].count("RemoveContainer") == removals


async def test_another_refusal_ends_no_task() -> None:
    connection = Scripted(RemoveContainer=[CallError(Code.UNKNOWN, f"container {FIRST} is in removing state")])
    with pytest.raises(RuntimeFault, match="removing state"):
        await CRIClient(connection).remove_container(ContainerID(FIRST))
    assert [name for name, _ in connection.asked] == ["RemoveContainer"]


async def test_containerd_is_told_whose_task_is_meant() -> None:
    connection = Scripted()
    client = CRIClient(connection)
    await client.kill_task("bare", "other")
    await client.kill_task(FIRST)
    await client.delete_task(FIRST)
    assert connection.namespaces == ["other", "k8s.io", "k8s.io"]
