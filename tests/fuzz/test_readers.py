"""Every reader answers every input, in bounded time."""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.mutations import changed
from tests.fuzz.readers import READERS, Reader

KEPT = Path(__file__).parent / "kept"
ANSWER_SECONDS = 1.0
"""Of the processor, for 8 KiB: the costliest known take 31 ms; a processor that others use too may need ten times as much."""
MOST_INPUTS = 1_000_000


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_reader_answers_everything(reader: Reader, request: pytest.FixtureRequest) -> None:
    seconds = float(request.config.getoption("--fuzz-seconds"))
    seed = int(request.config.getoption("--fuzz-seed"))
    for kept in sorted((KEPT / reader.name).glob("*")):
        _answer(reader, kept.read_bytes())
    for data in reader.seeds:
        _answer(reader, data)
    until = time.monotonic() + seconds
    for data in islice(changed(random.Random(seed), reader.seeds), MOST_INPUTS):
        if time.monotonic() > until:
            break
        try:
            _answer(reader, data)
        except BaseException:
            place = KEPT / reader.name / hashlib.sha256(data).hexdigest()[:16]
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(data)
            raise


def _answer(reader: Reader, data: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(*reader.refusals):
        reader.read(data)
    assert time.process_time() - began < ANSWER_SECONDS
