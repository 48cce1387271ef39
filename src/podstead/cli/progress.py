"""Long work of the agent, told line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.output import say
from podstead.errors import PodsteadError
from podstead.k8s.text import printable

if TYPE_CHECKING:
    from podstead.cli.client import AgentClient

STEP_PERCENT = 10
"""A download speaks at every tenth, not at every block."""


class ProgressLine(msgspec.Struct):
    """A line of the answer: `Progress`, and as the last one `Done` or `Error`."""

    type: str
    message: str = ""
    current: int = 0
    total: int = 0


def follow_work(client: AgentClient, path: str, body: dict[str, str]) -> int:
    """Start work, print its progress, and return 0; raises PodsteadError when it fails or is cut off."""
    told = ""
    with client.work(path, body) as lines:
        for text in lines:
            line = decode(text, ProgressLine)
            if line.type == "Error":
                raise PodsteadError(printable(line.message))
            if line.type == "Done":
                say(printable(line.message))
                return 0
            if (step := step_text(line)) != told:
                told = step
                say(printable(step))
    raise PodsteadError("the agent ended before its work was done: see 'podstead status'")


def step_text(line: ProgressLine) -> str:
    """Return how far the work is, in steps."""
    if line.total <= 0:
        return line.message
    percent = min(100, line.current * 100 // line.total)
    return f"{line.message} {percent - percent % STEP_PERCENT}%"
