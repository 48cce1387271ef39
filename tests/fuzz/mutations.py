"""Small changes of bytes, as fuzzers make them: the same seed makes the same changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

MAX_BYTES = 8 << 10
"""What the agent reads on its own loop; more is read where it may die."""
MOST_CHANGES = 6
TOKENS = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", "\u202e".encode(), b"\x1b[2J", b"\r\n", b"\t"),
    *(
        b"- ",
        b": ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!python/name:os ",
        b"%TAG ! x\n",
        b"---\n",
        b"...\n",
    ),
    *(b"|\n", b">\n", b"'", b'"', b"\\", b"\\x", b"\\ud800", b"#", b"@", b"`", b"? ", b"~", b"=", b","),
    *(b"0", b"-1", b"9" * 30, b"1e999", b".inf", b".nan", b"0x", b"0o7", b"1_0", b"true", b"null", b"2001-01-01"),
    *(b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"A" * 300, b"==="),
)


def changed(random: Random, seeds: Sequence[bytes]) -> Iterator[bytes]:
    """Yield changes of the seeds for ever."""
    while True:
        data = bytearray(random.choice(seeds))
        for _ in range(random.randint(1, MOST_CHANGES)):
            _change(random, data, seeds)
        yield bytes(data[:MAX_BYTES])


def _change(random: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    length = min(random.choice((1, 2, 4, 16, 200)), len(data) - at)
    match random.randrange(7):
        case 0 if data:
            data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
        case 1:
            del data[at : at + length]
        case 2:
            data[at:at] = random.choice(TOKENS)
        case 3:
            data[at : at + length] = random.choice(TOKENS)
        case 4:
            data[at:at] = data[at : at + length] * random.choice((2, 8, 64))
        case 5:
            other = random.choice(seeds)
            begin = random.randint(0, len(other))
            data[at:at] = other[begin : begin + random.choice((8, 64, 512))]
        case _:
            lines = bytes(data).split(b"\n")
            line = random.randrange(len(lines))
            lines[line] = random.choice((b" ", b"  ", b"\t", b"")) + lines[line].lstrip()
            data[:] = b"\n".join(lines)
