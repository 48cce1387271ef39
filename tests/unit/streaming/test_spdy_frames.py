"""SPDY/3.1 frames against bytes written by hand, and against themselves."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.streaming.spdy_frames import (
    DICTIONARY,
    MAX_CONTROL_BYTES,
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Ping,
    RstStream,
    SpdyError,
    SynReply,
    SynStream,
)
from tests.simulators.spdy_runtime import RuntimeFrames


def test_the_dictionary_is_the_drafts() -> None:
    """1,423 bytes; the checksum is the dictionary id that every SPDY/3 header block carries."""
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_frames_without_headers_are_these_bytes() -> None:
    writer = RuntimeFrames()
    assert writer.data(1, b"hi") == bytes.fromhex("00000001 00000002") + b"hi"
    assert writer.data(3, b"", fin=True) == bytes.fromhex("00000003 01000000")
    assert writer.ping(2) == bytes.fromhex("80030006 00000004 00000002")
    assert writer.rst_stream(5, 5) == bytes.fromhex("80030003 00000008 00000005 00000005")
    assert writer.go_away(7) == bytes.fromhex("80030007 00000008 00000007 00000000")


def test_the_header_block_of_a_stream() -> None:
    frame = FrameWriter().syn_stream(1, {"streamType": "stdout"}, fin=True)
    first, second, stream, associated, priority = struct.unpack(">IIIIH", frame[:18])
    assert (first, second >> 24, second & 0xFFFFFF) == (0x80030001, 1, len(frame) - 8)
    assert (stream, associated, priority) == (1, 0, 0)
    plain = zlib.decompressobj(zdict=DICTIONARY).decompress(frame[18:])
    assert plain == b"\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x06stdout"


def frames_of(reader: FrameReader, data: bytes, step: int) -> list[Frame]:
    return [frame for at in range(0, len(data), step) for frame in reader.feed(data[at : at + step])]


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_frames_arrive_in_any_pieces(step: int) -> None:
    writer = RuntimeFrames()
    wire = b"".join(
        [
            writer.syn_stream(1, {"streamtype": "error"}),
            writer.syn_stream(3, {"streamtype": "stdin", "other": "x"}, fin=True),
            writer.syn_reply(1, {}),
            writer.data(3, b"hello world", fin=True),
            writer.data(1, b""),
            writer.ping(2),
            writer.rst_stream(1, 5),
            writer.go_away(3),
        ]
    )
    got = frames_of(FrameReader(), wire, step)
    stdin = b"".join(frame.data for frame in got if isinstance(frame, Data) and frame.stream_id == 3)
    others = [frame for frame in got if not (isinstance(frame, Data) and frame.stream_id == 3)]
    assert stdin == b"hello world"
    assert [frame.fin for frame in got if isinstance(frame, Data) and frame.stream_id == 3][-1] is True
    assert others == [
        SynStream(1, {"streamtype": "error"}),
        SynStream(3, {"streamtype": "stdin", "other": "x"}, fin=True),
        SynReply(1, {}),
        Data(1, b""),
        Ping(2),
        RstStream(1, 5),
        GoAway(3, 0),
    ]


def test_only_the_last_part_of_a_frame_ends_the_stream() -> None:
    reader = FrameReader()
    wire = FrameWriter.data(1, b"abcd", fin=True)
    assert list(reader.feed(wire[:10])) == [Data(1, b"ab")]
    assert list(reader.feed(wire[10:])) == [Data(1, b"cd", fin=True)]


def test_unknown_frames_are_passed_over_and_headers_keep_the_decompressor_in_step() -> None:
    writer, reader = RuntimeFrames(), FrameReader()
    settings = bytes.fromhex("80030004 00000004 00000000")
    headers = writer.syn_reply(1, {"a": "b"})
    as_headers_frame = b"\x80\x03\x00\x08" + headers[4:]
    assert list(reader.feed(settings + as_headers_frame + writer.syn_reply(3, {"c": "d"}))) == [SynReply(3, {"c": "d"})]


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        (bytes.fromhex("80020001 0000000a") + bytes(10), "SPDY version 2"),
        (struct.pack(">II", 0x80030001, MAX_CONTROL_BYTES + 1), "control frame of"),
        (bytes.fromhex("80030001 0000000e") + bytes(10) + b"junk", "cannot read a control frame of type 1"),
        (bytes.fromhex("80030003 00000002 0000"), "cannot read a control frame of type 3"),
    ],
)
def test_what_is_not_spdy_is_an_error(wire: bytes, complaint: str) -> None:
    with pytest.raises(SpdyError, match=complaint):
        list(FrameReader().feed(wire))


def test_headers_that_unpack_to_too_much_are_an_error() -> None:
    bomb = zlib.compressobj(zdict=DICTIONARY)
    block = bomb.compress(b"\0\0\0\x01\0\x10\0\0" + bytes(1 << 20)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    wire = struct.pack(">III", 0x80030002, len(block) + 4, 1) + block
    with pytest.raises(SpdyError, match="headers of more than"):
        list(FrameReader().feed(wire))


@given(st.binary(max_size=200))
def test_any_bytes_give_frames_or_a_spdy_error(wire: bytes) -> None:
    try:
        frames = list(FrameReader().feed(wire))
    except SpdyError:
        return
    assert sum(len(frame.data) for frame in frames if isinstance(frame, Data)) <= len(wire)
