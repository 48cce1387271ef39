"""What a kubelet's flags and configuration files come to: where its pods come from, and who may ask it.

Order, as in the kubelet: built-in defaults, the file of `--config`, the drop-ins of `--config-dir` by name, then flags.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from podstead.inspection.arguments import Launch, absolute
from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.documents import documents
from podstead.manifest.scalars import ScalarKind, boolean, integer
from podstead.manifest.tree import Mapping as Tree
from podstead.manifest.tree import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from podstead.manifest.tree import Node

KIND = "KubeletConfiguration"
DEFAULT_READ_ONLY_PORT = 10255
_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value and where it is set: a path, a flag, or nothing where it is the kubelet's default."""

    value: str = ""
    where: str = ""
    line: int = 0


class Name(Enum):
    """A setting that matters: the field of KubeletConfiguration v1beta1 that it is, and its flag; empty: has none."""

    STATIC_PATH = ("staticPodPath", "pod-manifest-path")
    URL = ("staticPodURL", "manifest-url")
    ENDPOINT = ("containerRuntimeEndpoint", "container-runtime-endpoint")
    ANONYMOUS = ("authentication.anonymous.enabled", "anonymous-auth")
    AUTHORIZATION = ("authorization.mode", "authorization-mode")
    READ_ONLY_PORT = ("readOnlyPort", "read-only-port")
    CLIENT_CA = ("authentication.x509.clientCAFile", "client-ca-file")
    KUBECONFIG = ("", "kubeconfig")
    NODE_NAME = ("", "hostname-override")

    def __init__(self, field_name: str, flag: str) -> None:
        self.field = field_name
        self.flag = flag


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that matter. `problems` are files that could not be read, each with a sentence."""

    values: Mapping[Name, Setting]
    problems: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: Name) -> Setting:
        """Return a setting; one that is nowhere set is empty."""
        return self.values.get(name, NOTHING)


NOTHING = Setting()
_WITHOUT_FILE = {
    Name.ANONYMOUS: Setting(value="true"),
    Name.AUTHORIZATION: Setting(value="AlwaysAllow"),
    Name.READ_ONLY_PORT: Setting(value=str(DEFAULT_READ_ONLY_PORT)),
}
"""A kubelet without a configuration file keeps the defaults of its flags (options.applyLegacyDefaults)."""
_WITH_FILE = {
    Name.ANONYMOUS: Setting(value="false"),
    Name.AUTHORIZATION: Setting(value="Webhook"),
    Name.READ_ONLY_PORT: Setting(value="0"),
}
"""With one, those of KubeletConfiguration v1beta1."""
_PATHS = {Name.STATIC_PATH, Name.CLIENT_CA, Name.KUBECONFIG}


def settings_of(launch: Launch, configuration: Iterable[tuple[str, bytes | None]]) -> Settings:
    """Return what a kubelet that is started so comes to; `configuration` are its files in order, None: not readable."""
    flags = launch.flags()
    values = dict(_WITH_FILE if "config" in flags else _WITHOUT_FILE)
    problems: list[tuple[str, str]] = []
    for path, data in configuration:
        try:
            values.update(_in_file(path, data))
        except _Unread as unread:
            problems.append((path, str(unread)))
    for name in Name:
        if name.flag in flags:
            text = flags[name.flag]
            value = launch.path(text) if name in _PATHS and text else text
            values[name] = Setting(value=value, where=f"--{name.flag} of {launch.origin}")
    return Settings(values=values, problems=tuple(problems))


class _Unread(Exception):
    """A configuration file gives no settings; the text says why."""


def _in_file(path: str, data: bytes | None) -> Iterator[tuple[Name, Setting]]:
    if data is None:
        raise _Unread("it cannot be read")
    try:
        read = documents(data, _LIMITS)
    except RefusedError as refused:
        raise _Unread(refused.message) from None
    root = read[0].root if read else None
    if not isinstance(root, Tree) or _text(_at(root, ("kind",))) != KIND:
        raise _Unread(f"it is no {KIND}")
    for name in Name:
        node = _at(root, name.field.split(".")) if name.field else None
        value = _text(node)
        if node is None or value is None:
            continue
        if name in _PATHS and value:
            value = absolute(value, posixpath.dirname(path))
        yield name, Setting(value=value, where=path, line=node.line)


def _at(root: Node, steps: Sequence[str]) -> Node | None:
    """Return the node at these fields, the last of equal keys."""
    node: Node | None = root
    for step in steps:
        if not isinstance(node, Tree):
            return None
        node = next((value for key, value in reversed(node.entries) if key.text == step), None)
    return node


def _text(node: Node | None) -> str | None:
    """Return a scalar as the kubelet takes it: booleans as true and false, numbers in decimal."""
    if not isinstance(node, Scalar) or node.kind is ScalarKind.NULL:
        return None
    match node.kind:
        case ScalarKind.BOOLEAN:
            return "true" if boolean(node.text) else "false"
        case ScalarKind.INTEGER:
            return str(integer(node.text))
        case _:
            return node.text
