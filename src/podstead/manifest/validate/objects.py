"""Rules for ConfigMaps and Secrets: those of an API server; no message shows a value (foundation 24)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from podstead.k8s import core_v1 as v1
from podstead.k8s.names import SUBDOMAIN_MAX
from podstead.manifest.validate.metadata import validate_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podstead.manifest.validate.findings import Findings

MAX_BYTES = 1 << 20
"""All values of one object together (core/v1: MaxSecretSize)."""
OPAQUE = "Opaque"
DOCKER_CONFIG_JSON = "kubernetes.io/dockerconfigjson"
DOCKER_CFG = "kubernetes.io/dockercfg"
DOCKER_KEYS = {DOCKER_CONFIG_JSON: ".dockerconfigjson", DOCKER_CFG: ".dockercfg"}
"""The key that holds the registry credentials, by the types of pull credentials."""
_NEEDED_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    **{kind: (key,) for kind, key in DOCKER_KEYS.items()},
}
_BASIC_AUTH = "kubernetes.io/basic-auth"
_BASIC_KEYS = ("username", "password")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


@dataclass(slots=True, kw_only=True)
class ObjectData:
    """What an object holds: the decoded bytes by key, never printed; `binary` are the keys of `binaryData`."""

    values: dict[str, bytes] = field(default_factory=dict, repr=False)
    binary: set[str] = field(default_factory=set)


def judge_config_map(given: v1.ConfigMap, found: Findings) -> ObjectData:
    """Return a ConfigMap's data, judging everything about it."""
    validate_metadata(given.metadata or v1.ObjectMeta(), found, "a ConfigMap")
    data = ObjectData(values={key: text.encode() for key, text in given.data.items()})
    for key in given.data:
        _judge_key(key, f"data[{key}]", found)
    for key, text in given.binary_data.items():
        path = f"binaryData[{key}]"
        _judge_key(key, path, found)
        if key in given.data:
            found.duplicate(path, "data has this key as well; keep one of the two")
        data.values[key] = _from_base64(text, path, "write a text under data, or", found)
        data.binary.add(key)
    _judge_size(data, "data", found)
    return data


def judge_secret(given: v1.Secret, found: Findings) -> ObjectData:
    """Return a Secret's data, judging everything about it; of a key in both maps, `stringData` counts."""
    validate_metadata(given.metadata or v1.ObjectMeta(), found, "a Secret")
    data = ObjectData()
    for key, text in given.data.items():
        path = f"data[{key}]"
        _judge_key(key, path, found)
        data.values[key] = _from_base64(text, path, "write a text under stringData, or", found)
    for key, text in given.string_data.items():
        _judge_key(key, f"stringData[{key}]", found)
        data.values[key] = text.encode()
    _judge_size(data, "data", found)
    _judge_type(given.type or OPAQUE, data.values, found)
    return data


def key_fault(key: str) -> str | None:
    """Return why a text is no key of an object, None when it is one: it is a file's name in volumes."""
    if len(key) > SUBDOMAIN_MAX:
        return f"must have at most {SUBDOMAIN_MAX} characters, it has {len(key)}"
    if _KEY.fullmatch(key) is None:
        return "must be letters, digits, '-', '_' and '.'"
    return "must not begin with '..'" if key == "." or key.startswith("..") else None


def _judge_key(key: str, path: str, found: Findings) -> None:
    found.named(path, key, key_fault(key))


def _from_base64(text: str, path: str, instead: str, found: Findings) -> bytes:
    """Return the bytes; an encoder's line breaks are no matter."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        found.invalid(path, f"the value is not base64: {instead} encode it with base64 -w0")
        return b""


def _judge_size(data: ObjectData, path: str, found: Findings) -> None:
    size = sum(len(value) for value in data.values.values())
    if size > MAX_BYTES:
        found.too_long(path, f"all values together have {size} bytes, at most {MAX_BYTES} are allowed")


def _judge_type(kind: str, values: Mapping[str, bytes], found: Findings) -> None:
    """Judge that a Secret of a known type has what its users will look for."""
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in values:
            found.required(f"data[{key}]", f"a Secret of type {kind} needs this key")
    if kind == _BASIC_AUTH and not any(key in values for key in _BASIC_KEYS):
        found.required("data[username]", f"a Secret of type {kind} needs the key username or password")
    docker = DOCKER_KEYS.get(kind)
    if docker is not None and docker in values and not _is_json_object(values[docker]):
        found.invalid(f"data[{docker}]", "the value is not a JSON object: put in the file that docker login writes")


def _is_json_object(data: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(data), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
