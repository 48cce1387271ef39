"""A command's end as a Status."""

from __future__ import annotations

import pytest

from podstead.streaming.remotecommand import ExecOutcome, decode_status, failure, outcome_of
from tests.simulators.spdy_runtime import SUCCESS, exit_status


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (SUCCESS, ExecOutcome(exit_code=0)),
        (exit_status(5), ExecOutcome(exit_code=5)),
        (exit_status(137), ExecOutcome(exit_code=137)),
        (b'{"status":"Failure","message":"no such container"}', ExecOutcome(exit_code=1, message="no such container")),
        (b"not json", ExecOutcome(exit_code=1, message="the command's result cannot be read")),
        (b"{}", ExecOutcome(exit_code=1, message="the command failed, its exit code is not known")),
        (
            b'{"status":"Failure","reason":"NonZeroExitCode","message":"m","details":{"causes":[{"reason":"ExitCode"}]}}',
            ExecOutcome(exit_code=1, message="m"),
        ),
    ],
)
def test_outcomes(data: bytes, outcome: ExecOutcome) -> None:
    assert outcome_of(decode_status(data)) == outcome


def test_a_failure_has_details() -> None:
    status = failure("lost")
    assert (status.status, status.code, status.details is not None) == ("Failure", 500, True)
