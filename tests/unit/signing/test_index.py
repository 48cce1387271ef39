"""The index of a set: written and read back, and everything refused that could be read in two ways."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.signing.index import MAX_BYTES, MAX_VERSION, Entry, Expiry, Index, entry_of, write_index
from podstead.signing.index_reader import MAX_ENTRIES, read_index
from podstead.signing.wire import MalformedError
from tests.unit.signing.indexes import FULL, NOW, WEB

entries = st.builds(Entry, sha256=st.binary(max_size=3).map(lambda data: sha256(data).hexdigest()), size=st.integers(0, MAX_VERSION))  # fmt: skip
words = st.text("abcXYZ09-_", min_size=1, max_size=8)
paths = st.lists(words, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
indexes = st.builds(
    Index,
    nodes=st.lists(st.sampled_from(["db-1", "*", "web-?", "!web-2", "a.example"]), min_size=1, unique=True).map(tuple),
    version=st.integers(50, MAX_VERSION),
    issued=st.integers(0, NOW),
    expires=st.integers(NOW + 1, 2 * NOW),
    expiry=st.sampled_from(Expiry),
    floor=st.integers(0, 50),
    files=st.dictionaries(words, entries, max_size=4),
    objects=st.dictionaries(words, entries, max_size=3),
    policy=st.none() | entries,
    profiles=st.dictionaries(paths.map(lambda path: path[1:]) | paths, entries, max_size=3),
    urls=st.dictionaries(paths.map(lambda path: f"https://x{path}"), entries, max_size=2),
    host_files=st.dictionaries(paths, entries, max_size=2),
    images=st.dictionaries(words.map(lambda word: f"x/{word}:1"), entries.map(lambda one: f"sha256:{one.sha256}")),
)


@given(indexes)
def test_what_is_written_is_read_back_the_same(index: Index) -> None:
    assert read_index(write_index(index)) == index


def test_the_document_reads_well_and_is_always_the_same() -> None:
    data = write_index(FULL)
    assert data.decode().splitlines()[:3] == ["{", '  "apiVersion": "podstead.io/v1",', '  "expires": "2027-01-16T08:00:00Z",']  # fmt: skip
    turned = replace(FULL, files=dict(reversed(list(FULL.files.items()))))
    assert write_index(turned) == data
    assert read_index(data) == FULL


def document(**changes: object) -> bytes:
    """Return the full document with some fields changed; None takes one away."""
    fields = {**json.loads(write_index(FULL)), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


ENTRY = {"sha256": WEB.sha256, "size": 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1, column 1: it is no JSON"),
        (b"[]", "it is not one JSON object"),
        (b"\xef\xbb\xbf{}", "it is no JSON"),
        (b"\xff", "it is not UTF-8: byte 0"),
        (b'{"a": "\n"}', "line 1, column 8: it is no JSON: invalid control character"),
        (b"{} {}", "line 1, column 4: it is no JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b" " * (MAX_BYTES + 1), "larger than"),
        (document(extra=1), "'extra' is no field of an index; known are apiVersion"),
        (document(version=None), "version is missing"),
        (document(apiVersion="v1"), "apiVersion: 'podstead.io/v1' is due"),
        (document(kind="Pod"), "kind: 'Index' is due"),
        (document(version=0), "version: an integer from 1"),
        (document(version=True), "version: an integer from 1"),
        (document(version="7"), "version: an integer from 1"),
        (document(version=7.0), "7.0 is no integer"),
        (document(version=float("nan")), "NaN is no integer"),
        (document(version=10**40), "is no number that can stand in an index"),
        (document(floor=8), "floor: an integer from 0 to 7"),
        (document(issued="2027-01-14T08:00:00+00:00"), "issued: a time is written"),
        (document(issued="2027-02-30T08:00:00Z"), "issued: a time is written"),
        (document(issued="\uff12027-02-03T08:00:00Z"), "issued: a time is written"),
        (document(expires="2020-01-01T00:00:00Z"), "expires: it is not later than issued"),
        (document(expiry="never"), "expiry: soft or hard"),
        (document(node=[]), "node: a list"),
        (document(node="db-1"), "node: a list"),
        (document(node=["db-1", "db-1"]), "node: an entry stands twice"),
        (document(node=["DB"]), "node[0]: 'DB' is neither"),
        (document(node=["a,b"]), "node[0]: 'a,b' is neither"),
        (document(files=[]), "files: an object is due"),
        (document(files={"web.yaml": 1}), "files['web.yaml']: an object is due"),
        (document(files={"web.yaml": {**ENTRY, "mode": 1}}), "files['web.yaml']: sha256 and size are due"),
        (document(files={"web.yaml": {**ENTRY, "sha256": WEB.sha256.upper()}}), "files['web.yaml'].sha256: 64 lower"),
        (document(files={"web.yaml": {**ENTRY, "size": -1}}), "files['web.yaml'].size: an integer"),
        (document(files={"": ENTRY}), "files: '' is no file's name"),
        (document(files={"..": ENTRY}), "begins with a dot"),
        (document(files={"a/b.yaml": ENTRY}), "holds a slash"),
        (document(files={"a\0.yaml": ENTRY}), r"files: 'a\\x00.yaml' holds a character that cannot be seen"),
        (document(files={"a\u202eb": ENTRY}), "holds a character that cannot be seen"),
        (document(files={"a\ud800": ENTRY}), "holds a character that cannot be seen"),
        (document(files={"gro\u0308ße": ENTRY}), "is not in Unicode's normal form"),
        (document(files={"ä" * 128: ENTRY}), "is longer than 255 bytes"),
        (document(hostFiles={"etc/x": ENTRY}), "is no absolute path"),
        (document(hostFiles={"/etc//x": ENTRY}), "a path is written in one way only"),
        (document(hostFiles={"/etc/../x": ENTRY}), "a path is written in one way only"),
        (document(hostFiles={"/etc/x/": ENTRY}), "a path is written in one way only"),
        (document(profiles={"../x": ENTRY}), "a path is written in one way only"),
        (document(urls={"web": ENTRY}), "is no URL"),
        (document(urls={"https://a b": ENTRY}), "is no URL"),
        (document(images={"a b": "sha256:" + "0" * 64}), "is no image reference"),
        (document(images={"a": "0" * 64}), "images['a']: sha256: and 64"),
        (document(images={"a": {}}), "images['a']: a string is due"),
        (document(policy={}), "policy: sha256 and size are due"),
        (document(files={f"f{number}": ENTRY for number in range(MAX_ENTRIES + 1)}), "files: it has 10001 entries"),
    ],
)  # fmt: skip
def test_what_could_be_meant_otherwise_is_refused_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(MalformedError) as refused:
        read_index(data)
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'"kind": "Index"', b'"kind": "Index", "kind": "Index"', "'kind' stands twice"),
        (b'"size": 10', b'"size": 10, "size": 11', "files['web.yaml']: 'size' stands twice"),
        (b'"web.yaml": {', b'"we\\u0062.yaml": {"size": 1}, "web.yaml": {', "files: 'web.yaml' stands twice"),
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_is_refused(before: bytes, after: bytes, said: str) -> None:
    """Escaped or not: another reader would take the first, ours the last."""
    data = write_index(replace(FULL, objects={}, policy=None, profiles={}, urls={}, host_files={}, files={"web.yaml": WEB}))  # fmt: skip
    assert before in data
    with pytest.raises(MalformedError) as refused:
        read_index(data.replace(before, after))
    assert said in str(refused.value)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for given_bytes in (data, b'{"files": ' + data + b"}", write_index(FULL).replace(b"web-*", data)):
        try:
            read = read_index(given_bytes)
        except MalformedError as error:
            assert str(error).isprintable()  # noqa: PT017 - whether it raises depends on the bytes
        else:
            assert read_index(write_index(read)) == read


@given(st.integers(0, len(write_index(FULL)) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_means_something_else_that_is_sound(at: int, change: int) -> None:
    changed = bytearray(write_index(FULL))
    changed[at] ^= change
    try:
        read = read_index(bytes(changed))
    except MalformedError:
        return
    assert read_index(write_index(read)) == read


@pytest.mark.parametrize(
    "data",
    [
        b"[" * MAX_BYTES,
        b'{"a":' * (MAX_BYTES // 5),
        b'"' + b"\\u0041" * (MAX_BYTES // 6 - 1) + b'"',
        b"1" * MAX_BYTES,
        b"[" + b"0," * (MAX_BYTES // 2 - 1) + b"0]",
        b"{" + b'"":0,' * (MAX_BYTES // 5 - 1) + b'"":0}',
        document(node=["*a" * 4000 + "b"]),
    ],
)
def test_hostile_documents_take_no_time(data: bytes) -> None:
    """Each is as large as may be; a tenth of the bound is usual, the rest is for slow machines."""
    begun = time.thread_time()
    with pytest.raises(MalformedError):
        read_index(data)
    assert time.thread_time() - begun < 5


def test_nodes_are_names_or_patterns() -> None:
    found = {name: FULL.names(name) for name in ("db-1", "db-11", "web-1", "web-9", "DB-1", "")}
    assert found == {"db-1": True, "db-11": False, "web-1": True, "web-9": False, "DB-1": False, "": False}


def test_an_entry_says_how_bytes_differ() -> None:
    assert entry_of(b"abc").fault(b"abc") == ""
    assert entry_of(b"abc").fault(b"abcd") == "it has 4 bytes, and the index was signed for 3"
    assert entry_of(b"abc").fault(b"abd").startswith("its SHA-256 is ")
