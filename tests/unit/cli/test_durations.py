"""Durations as Go writes them."""

from __future__ import annotations

import pytest

from podstead.cli.durations import parse_duration
from podstead.errors import OperatorError


@pytest.mark.parametrize("text", ["9" * 400 + "h", "2562048h"])
def test_no_duration_is_longer_than_gos_longest(text: str) -> None:
    with pytest.raises(OperatorError, match="longer than Go's longest"):
        parse_duration(text, "--since")


def test_gos_longest_is_one() -> None:
    assert parse_duration("2562047h", "--since") == 2_562_047 * 3600
