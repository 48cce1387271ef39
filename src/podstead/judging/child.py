"""The child process that judges files by a policy with rules: the policy first, then questions, an answer for each.

`python -I -m podstead.judging.child`: framed messages on stdin and stdout (`wire`), limits on itself. The first answer says
what is wrong with the policy's rules, as messages; with any it judges nothing. Its death is a verdict on the file in hand.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from podstead.children import confine, status_of

if TYPE_CHECKING:
    from typing import BinaryIO

MEMORY_BYTES = 1 << 30
"""Of address space, of which a usual policy and file take 39 MiB. What takes more is a bomb."""
CPU_SECONDS = 120
"""For a life of many files; the agent ends it sooner when one file takes too long."""


def main() -> int:
    """Answer questions until stdin ends; return the exit status."""
    confine(memory_bytes=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
    return status_of(partial(_serve, sys.stdin.buffer, sys.stdout.buffer))


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    import msgspec  # noqa: PLC0415 - under the limits

    from podstead.judging.wire import Answer, Question, WireMessage, framed  # noqa: PLC0415 - under the limits
    from podstead.judging.work import answer  # noqa: PLC0415 - under the limits
    from podstead.policy.cel.ruleset import RuleSet  # noqa: PLC0415 - under the limits
    from podstead.policy.read import read_policy  # noqa: PLC0415 - under the limits

    if (data := _read(questions)) is None:
        return
    reading = read_policy(data)
    rules = RuleSet(reading.policy) if reading.policy is not None and reading.policy.rules else None
    faults = rules.problems if rules is not None else []
    told = tuple(WireMessage(m.line, m.column, m.field, m.severity, m.message) for m in (*reading.messages, *faults))
    broken = reading.policy is None or bool(faults)
    answers.write(framed(Answer(refused=broken, messages=told)))
    answers.flush()
    while not broken and reading.policy is not None and (asked := _read(questions)) is not None:
        question = msgspec.msgpack.decode(asked, type=Question)
        answers.write(framed(answer(question, reading.policy, rules)))
        answers.flush()


def _read(stream: BinaryIO) -> bytes | None:
    from podstead.judging.wire import LENGTH_BYTES, length_of  # noqa: PLC0415 - under the limits

    head = stream.read(LENGTH_BYTES)
    return stream.read(length_of(head)) if len(head) == LENGTH_BYTES else None


if __name__ == "__main__":
    sys.exit(main())
