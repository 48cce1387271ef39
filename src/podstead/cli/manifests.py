"""Manifest files that are named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import OWN
from podstead.cli.options import Option, Takes
from podstead.errors import OperatorError
from podstead.k8s.text import printable
from podstead.manifest.read import read_manifest
from podstead.manifest.reading import foremost

if TYPE_CHECKING:
    from podstead.cli.client import AgentClient
    from podstead.manifest.reading import ManifestPod

FILE = Option(name="filename", short="f", value="FILE", help="a manifest, - for standard input", takes=Takes.FILE)
STDIN = "-"
MAX_BYTES = 1 << 20
"""What the agent takes at once, as of a file."""


class _Node(msgspec.Struct):
    node: str


def node_of(client: AgentClient) -> str:
    """Return the agent's node name, which is the suffix of its pods' names."""
    return decode(client.get(f"{OWN}/status"), _Node).node


def read_file(path: str) -> bytes:
    """Return a manifest's bytes; raises OperatorError."""
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise OperatorError(f"{path} has more than {MAX_BYTES} bytes: no manifest is that large")
    return data


def read_pods(path: str, node: str) -> tuple[ManifestPod, ...]:
    """Return the pods of a manifest on this node; raises OperatorError with the first reason against it."""
    reading = read_manifest(read_file(path), node_name=node, local_objects=True)
    if not reading.accepted or not reading.pods:
        why = foremost(reading.messages)[0].placed if reading.messages else "it holds no Pod"
        raise OperatorError(f"cannot take {path}: {printable(why)}: podstead check {path} tells all")
    return reading.pods
