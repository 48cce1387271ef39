"""Versioned JSON files: forward migrations, and files of a newer version read as far as they are understood.

A rule keeps each store readable by the version before (foundation 21): a key may be added, never renamed, and never
given another meaning. What such an addition cannot express takes a new schema number and a migration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T", bound=msgspec.Struct)
Document = dict[str, object]
"""A file's JSON object before it has a type; it does not leave this module and the migrations."""


class CorruptError(ValueError):
    """The bytes are not what the store wrote; the text says why, and holds no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptFile:
    """A file that was not understood: where it was, where it is kept now, and why."""

    path: Path
    kept_at: Path
    reason: str

    @property
    def sentence(self) -> str:
        """What people are told of it; one that could not be set aside, or is gone, has no other place."""
        if self.kept_at == self.path:
            return f"{self.path} cannot be used: {self.reason}"
        return f"{self.path} was corrupt and is set aside as {self.kept_at}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema(Generic[T]):
    """How one kind of file is written and read. `migrations[n]` turns a document of schema n into one of n + 1."""

    type: type[T]
    version: int = 1
    migrations: Mapping[int, Callable[[Document], Document]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let msgspec learn the type now, at the import: threads that meet it for the first time at once crash the process."""
        msgspec.json.Decoder(self.type)

    def encode(self, value: T) -> bytes:
        """Return the file's bytes: one JSON object, indented for people, with its schema number first."""
        document: Document = {"schema": self.version, **msgspec.to_builtins(value)}
        # The standard library's writer, because a file name of the directory need not be UTF-8: it then holds lone
        # surrogates, which only this one keeps.
        return json.dumps(document, indent=1).encode("ascii") + b"\n"

    def decode(self, data: bytes) -> T:
        """Return the value; unknown keys are passed over.

        Raises:
            CorruptError: the bytes are no JSON object of this kind.
        """
        try:
            document = json.loads(data)
            if not isinstance(document, dict):
                raise CorruptError("it is not one JSON object")
            number = document.pop("schema", None)
            if not isinstance(number, int) or number < 1:
                raise CorruptError("it has no schema number")
            while number < self.version:
                document = self.migrations[number](document)
                number += 1
            return msgspec.convert(document, self.type)
        except (msgspec.ValidationError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            # These name the place and the types, never the value.
            raise CorruptError(str(error)) from error
        except KeyError as error:
            raise CorruptError(f"its schema {error} is not known here") from error
