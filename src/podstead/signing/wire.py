"""SSH's encoding of numbers and strings (RFC 4251, section 5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass


class MalformedError(ValueError):
    """Bytes that are not what they should be; the text says what is wrong, in one clause."""


@dataclass(slots=True)
class Reader:
    """Reads from the front of some bytes; every read raises MalformedError where they end too early."""

    data: bytes
    at: int = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes as they are."""
        end = self.at + length
        if end > len(self.data):
            raise MalformedError("it ends too early")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def byte(self) -> int:
        """Return one byte as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Return a number of four bytes."""
        (number,) = struct.unpack(">I", self.take(4))
        return int(number)

    def uint64(self) -> int:
        """Return a number of eight bytes."""
        (number,) = struct.unpack(">Q", self.take(8))
        return int(number)

    def string(self) -> bytes:
        """Return a string: its length in four bytes, then itself."""
        return self.take(self.uint32())

    def name(self) -> str:
        """Return a string that is an identifier in ASCII."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError:
            raise MalformedError("a name in it is not ASCII") from None

    def mpint(self) -> int:
        """Return a number that is not negative, of any length."""
        digits = self.string()
        if digits and digits[0] & 0x80:
            raise MalformedError("a number in it is negative")
        return int.from_bytes(digits)

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return len(self.data) - self.at

    def end(self) -> None:
        """Make sure that nothing is left: what follows would be unsigned or unread."""
        if self.left:
            raise MalformedError(f"{self.left} bytes too many")


def string(value: bytes) -> bytes:
    """Return a string as SSH writes it."""
    return struct.pack(">I", len(value)) + value


def uint32(value: int) -> bytes:
    """Return a number in four bytes."""
    return struct.pack(">I", value)


def mpint(value: int) -> bytes:
    """Return a number that is not negative as SSH writes it: with a zero before a first bit that is set."""
    return string(value.to_bytes(value.bit_length() // 8 + 1) if value else b"")
