from __future__ import annotations

import json

import pytest

from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.documents import Document, documents
from podstead.manifest.tree import Mapping, Scalar

LIMITS = Limits()


def split(data: bytes) -> list[tuple[int, bytes]]:
    return [(document.number, document.data) for document in documents(data, LIMITS)]


def first_value(document: Document) -> str:
    assert isinstance(document.root, Mapping)
    _, value = document.root.entries[0]
    assert isinstance(value, Scalar)
    return value.text


def test_the_only_document_has_the_whole_file() -> None:
    data = b"\xef\xbb\xbf# head\n---\na: 1\n...\n# tail\n---\n# nothing\n"
    assert split(data) == [(1, data)]


def test_several_documents_share_the_file_out() -> None:
    data = "# é\na: 1\n# between\n---\n# empty\n---\r\nb: 2\r\n...\n%YAML 1.1\n---\nc: 3".encode()
    assert split(data) == [
        (1, "# é\na: 1\n# between\n".encode()),
        (3, b"---\r\nb: 2\r\n...\n"),
        (4, b"%YAML 1.1\n---\nc: 3"),
    ]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only\n", b"---\n---\n", b"---\n# x\n...\n", b"null", b"~"])
def test_files_without_content(data: bytes) -> None:
    assert split(data) == []


def test_json_with_tabs_escapes_and_line_separators() -> None:
    text = "tab\t slash/ grin\U0001f600 back\\ud83d\\ude00 sep\u2028 x"
    for escaped in (True, False):
        data = b"\t\n" + json.dumps({"a": text}, ensure_ascii=escaped, indent="\t").replace("/", "\\/").encode()
        (document,) = documents(data, LIMITS)
        assert first_value(document) == text
        assert document.data == data


def test_two_json_documents_are_no_json_file() -> None:
    with pytest.raises(RefusedError, match="one object"):
        documents(b'{"a": "\\ud83d\\ude00"}\n---\n{"b": 1}', LIMITS)
