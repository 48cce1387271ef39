"""Files of the objects directory: what is read of them, what is said about them, and what is never said."""

from __future__ import annotations

import base64

import pytest

from podstead.manifest.armour import Limits
from podstead.manifest.read_objects import read_objects
from podstead.manifest.reading import ManifestObject, Reading
from podstead.manifest.validate.objects import MAX_BYTES
from tests.support.canary import CANARY, leaks
from tests.unit.manifest.writing import told


def read(text: str, *, strict: bool = False) -> Reading:
    return read_objects(text.encode(), strict=strict)


def config_map(lines: str, metadata: str = "name: web") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{{metadata}}}\n{lines}"


def secret(lines: str, metadata: str = "name: db") -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{{metadata}}}\n{lines}"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def only(reading: Reading) -> ManifestObject:
    assert reading.accepted, told(reading)
    (found,) = reading.objects
    return found


def test_a_config_map() -> None:
    text = config_map(
        f"data: {{mode: 'on', empty: ''}}\nbinaryData: {{logo.png: {b64(bytes([0, 255]))}}}\nimmutable: true\n"
    )
    assert only(read(text)) == ManifestObject(
        kind="ConfigMap",
        namespace="default",
        name="web",
        data={"mode": b"on", "empty": b"", "logo.png": bytes([0, 255])},
        binary=frozenset({"logo.png"}),
        immutable=True,
    )


def test_a_secret_of_both_notations() -> None:
    wrapped = b64(b"p" * 60)[:40] + "\\n" + b64(b"p" * 60)[40:]
    found = only(
        read(secret(f'data: {{a: "{wrapped}", b: {b64(b"old")}}}\nstringData: {{b: new}}\n', "name: db, namespace: ns"))
    )
    assert (found.namespace, found.type) == ("ns", "Opaque")
    assert found.data == {"a": b"p" * 60, "b": b"new"}


def test_no_value_is_in_a_repr() -> None:
    assert CANARY not in repr(read(secret(f"stringData: {{p: {CANARY}}}\n")))


def test_several_documents_of_both_kinds() -> None:
    reading = read(config_map("") + "---\n" + secret("") + "---\n# nothing\n---\n" + secret("", "name: other"))
    assert [(o.kind, o.name, o.document) for o in reading.objects] == [
        ("ConfigMap", "web", 1), ("Secret", "db", 2), ("Secret", "other", 4),
    ]  # fmt: skip


def test_a_list_as_exported() -> None:
    items = (
        "{apiVersion: v1, kind: Secret, metadata: {name: a}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}"
    )
    reading = read(f"apiVersion: v1\nkind: List\nitems: [{items}]\n")
    assert [(o.kind, o.name) for o in reading.objects] == [("Secret", "a"), ("ConfigMap", "b")]
    assert read("{apiVersion: v1, kind: List, items: []}").empty_list


def test_a_name_twice_in_a_file_is_refused_and_two_kinds_of_a_name_are_not() -> None:
    assert read(secret("") + "---\n" + config_map("", "name: db")).accepted
    assert told(read(secret("") + "---\n" + secret(""))) == [
        "7:18 metadata.name error: Duplicate value: document 1 of this file has a Secret of this name as well; keep one of them"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0:0  error: the file holds no object: it is empty, or holds nothing but comments"),
        ("hello\n", "1:1  error: Not a ConfigMap or Secret: plain text stands where an object is due: a map of apiVersion, kind, metadata and data"),
        ("apiVersion: v1\n", "1:1 kind error: Required value: write kind: ConfigMap or kind: Secret"),
        ("kind: Pod\n", "1:7 kind error: Not a ConfigMap or Secret: it is a Pod, and Pods stand in the manifest directory: move it there"),
        ("kind: List\n", "1:7 kind error: Not a ConfigMap or Secret: it is a List; a list is read where it is a file's only document, with 'apiVersion: v1' and 'items', and none inside another"),
        ("kind: secret\n", "1:7 kind error: Not a ConfigMap or Secret: 'secret' is not a kind: write kind: Secret"),
        ("kind: Widget\n", "1:7 kind error: Not a ConfigMap or Secret: 'Widget' is not read here: move the file out of the objects directory"),
        (secret("").replace("v1", "v2"), "1:13 apiVersion error: Invalid value: 'v2' has no Secret: write apiVersion: v1"),
        (secret("").replace("apiVersion: v1\n", ""), "1:1 apiVersion error: Required value: write apiVersion: v1"),
        (secret("", ""), "3:1 metadata.name error: Required value: a Secret needs a name"),
        (config_map("", ""), "3:1 metadata.name error: Required value: a ConfigMap needs a name"),
        (secret("", "name: Db"), "3:18 metadata.name error: Invalid value: got 'Db', it must be lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part; 'db' would be one"),
        (secret("data: {a: '*'}\n"), "4:11 data[a] error: Invalid value: the value is not base64: write a text under stringData, or encode it with base64 -w0"),
        (config_map("binaryData: {a: '*'}\n"), "4:17 binaryData[a] error: Invalid value: the value is not base64: write a text under data, or encode it with base64 -w0"),
        (config_map("data: {a: x}\nbinaryData: {a: eA==}\n"), "5:17 binaryData[a] error: Duplicate value: data has this key as well; keep one of the two"),
        (config_map("data: {a b: x}\n"), "4:1 data[a b] error: Invalid value: got 'a b', it must be letters, digits, '-', '_' and '.'"),
        (config_map("data: {..data: x}\n"), "4:16 data[..data] error: Invalid value: got '..data', it must not begin with '..'"),
        (secret("type: kubernetes.io/basic-auth\n"), "1:1 data[username] error: Required value: a Secret of type kubernetes.io/basic-auth needs the key username or password"),
        (secret("type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '[]'}\n"), "1:1 data[.dockerconfigjson] error: Invalid value: the value is not a JSON object: put in the file that docker login writes"),
        (secret("stringData: [a]\n"), "4:13 stringData error: Invalid value: a map is due here, not a list: write its fields without '- '"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    assert told(read(text)) == [message]


@pytest.mark.parametrize("kind", ["kubernetes.io/tls", "kubernetes.io/ssh-auth", "kubernetes.io/dockercfg"])
def test_types_have_keys(kind: str) -> None:
    keys = {"kubernetes.io/tls": {"tls.crt", "tls.key"}, "kubernetes.io/ssh-auth": {"ssh-privatekey"}}
    fields = {m.field for m in read(secret(f"type: {kind}\n")).messages}
    assert fields == {f"data[{key}]" for key in keys.get(kind, {".dockercfg"})}


def test_an_object_has_a_largest_size() -> None:
    limits = Limits(max_bytes=4 * MAX_BYTES)
    for size, reason in ((MAX_BYTES, ""), (MAX_BYTES + 1, "InvalidManifest")):
        text = secret(f"stringData: {{a: {'x' * (size - 10)}, b: {'y' * 10}}}\n")
        assert read_objects(text.encode(), limits=limits).reason == reason


def test_what_an_export_holds_is_passed_over_with_a_word() -> None:
    reading = read(secret("", "name: db, uid: x, creationTimestamp: null, resourceVersion: '7'"))
    assert only(reading).name == "db"
    assert [m.field for m in reading.messages] == ["metadata.uid", "metadata.resourceVersion"]


def test_slips_are_warnings_and_errors_where_asked() -> None:
    text = config_map("data: {port: 80}\ndta: {}\nspec: {}\n")
    assert told(read(text)) == [
        "4:14 data[port] warning: Not a string: an integer stands here, its text is taken as it is; an API server refuses the file: put it in quotes",
        "5:1 dta warning: Unknown field: dta is not read: did you mean data?",
        "6:1 spec warning: Unknown field: spec is not read",
    ]
    assert only(read(text)).data == {"port": b"80"}
    assert read(text, strict=True).reason == "StrictWarnings"


@pytest.mark.parametrize(
    "text",
    [
        secret(f"stringData: {CANARY}\n"),
        secret(f"stringData: {{p: [{CANARY}]}}\n"),
        secret(f"data: {{p: {CANARY}}}\n"),
        secret(f"data: {{p: {{{CANARY}: 1}}}}\n"),
        secret(f"type: kubernetes.io/dockercfg\nstringData: {{.dockercfg: {CANARY}}}\n"),
        secret(f"stringData:\n  p: {CANARY}\n p: {CANARY}\n"),
        secret(f"stringData:\n  p: '{CANARY}\n"),
        secret(f"stringData:\n  p: {CANARY}: {CANARY}\n"),
        secret(f"stringData:\npassword: {CANARY}\n"),
        config_map(f"binaryData: {{p: {CANARY}}}\n"),
        config_map(f"data: {{p: {{x: {CANARY}}}}}\n"),
    ],
)
def test_no_message_holds_a_value(text: str) -> None:
    for strict in (False, True):
        reading = read(text, strict=strict)
        assert reading.messages
        assert [leaks(m.placed) for m in reading.messages if leaks(m.placed)] == []
