"""Files full of faults: the time grows with the file, never with its square."""

from __future__ import annotations

import time

import pytest

from tests.unit.manifest.writing import manifest, read

SECONDS = 5.0
"""An idle machine needs half a second for each; a square of the count would need minutes."""


@pytest.mark.parametrize(
    ("container", "spec"),
    [
        ("", "".join(f"hostnetwrk{number}: 1\n" for number in range(20_000))),
        ("", "hostNetwork: true\n" * 20_000),
        ("", f"? {'k' * 900_000}\n: 1\n"),
        ("ports:\n" + "".join(f"- {{hostPort: {70_000 + number}}}\n" for number in range(9_000)), ""),
        ("volumeMounts:\n" + "".join(f"- {{name: v{number}, mountPath: /v}}\n" for number in range(8_000)), ""),
        ("env:\n" + "".join(f"- {{name: A, value: {number}}}\n" for number in range(9_000)), ""),
    ],
    ids=["unknown", "duplicate", "long key", "ports", "mounts", "env"],
)
def test_many_faults(container: str, spec: str) -> None:
    text = manifest(container=container, spec=spec)
    begun = time.thread_time()
    reading = read(text, strict=True)
    assert time.thread_time() - begun < SECONDS
    assert reading.reason in {"StrictWarnings", "InvalidManifest"}
    assert 1 <= len(reading.messages) <= 101
