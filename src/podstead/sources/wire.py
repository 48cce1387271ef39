"""A `Reading` as bytes, between the agent and the child that decodes large files.

The child parses hostile bytes, so its answer is decoded against these types and nothing in it is executed.
"""

from __future__ import annotations

import msgspec

from podstead.identity import PodKey, RevisionID
from podstead.k8s import core_v1 as v1  # noqa: TC001 - msgspec reads the annotations
from podstead.manifest.reading import ManifestObject, ManifestPod, Message, Reading, Severity


class _WirePod(msgspec.Struct, frozen=True, array_like=True):
    namespace: str
    name: str
    revision: str
    pod: v1.Pod
    data: bytes
    document: int


class _WireObject(msgspec.Struct, frozen=True, array_like=True):
    kind: str
    namespace: str
    name: str
    data: dict[str, bytes]
    binary: frozenset[str]
    type: str
    immutable: bool
    document: int


class _WireMessage(msgspec.Struct, frozen=True, array_like=True):
    line: int
    column: int
    field: str
    severity: Severity
    message: str


class _WireReading(msgspec.Struct, frozen=True, array_like=True):
    pods: tuple[_WirePod, ...]
    objects: tuple[_WireObject, ...]
    messages: tuple[_WireMessage, ...]
    reason: str
    empty_list: bool


_ENCODER = msgspec.msgpack.Encoder()


def encode_reading(reading: Reading) -> bytes:
    """Return the reading as MessagePack."""
    return _ENCODER.encode(
        _WireReading(
            pods=tuple(
                _WirePod(pod.key.namespace, pod.key.name, pod.revision, pod.pod, pod.data, pod.document)
                for pod in reading.pods
            ),
            objects=tuple(msgspec.convert(found, _WireObject, from_attributes=True) for found in reading.objects),
            messages=tuple(_WireMessage(m.line, m.column, m.field, m.severity, m.message) for m in reading.messages),
            reason=reading.reason,
            empty_list=reading.empty_list,
        )
    )


def decode_reading(data: bytes) -> Reading:
    """Return the reading. Raises ValueError for bytes that are none."""
    try:
        wire = msgspec.msgpack.decode(data, type=_WireReading)
    except msgspec.MsgspecError as error:
        raise ValueError(f"cannot understand the answer: {error}") from error
    return Reading(
        pods=tuple(
            ManifestPod(
                key=PodKey(pod.namespace, pod.name),
                revision=RevisionID(pod.revision),
                pod=pod.pod,
                data=pod.data,
                document=pod.document,
            )
            for pod in wire.pods
        ),
        objects=tuple(ManifestObject(**msgspec.structs.asdict(found)) for found in wire.objects),
        messages=tuple(
            Message(line=m.line, column=m.column, field=m.field, severity=m.severity, message=m.message)
            for m in wire.messages
        ),
        reason=wire.reason,
        empty_list=wire.empty_list,
    )
