"""The walk of a document's tree against the Pod model: every problem at once, and the values that are left.

What is decoded here is plain (`dict`, `list`, `str`, `int`, `bool`) and fits the model, so that msgspec's conversion
cannot fail; what was refused is left out or stands as an empty value, and its path is in `failed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from podstead.k8s import quantity
from podstead.manifest import scalars, schema, support
from podstead.manifest.findings import MAX_MESSAGES, Code, Finding, Places, shown, shown_key
from podstead.manifest.scalars import ScalarKind
from podstead.manifest.schema import Form
from podstead.manifest.tree import Mapping, Node, Scalar, Sequence


class _Nothing(Enum):
    """What a field without a usable value decodes to."""

    ABSENT = "absent"
    """It is null, which is the same as not being there."""
    FAILED = "failed"
    """It has a value that was refused."""


_ENV_ENTRY = re.compile(r"\.env\[[0-9]+\]$")

Plain = str | int | bool | list[object] | dict[str, object] | _Nothing


@dataclass(slots=True, kw_only=True)
class Decoded:
    """A document's plain values with everything that was noted about it."""

    value: dict[str, object] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    places: Places = field(default_factory=Places)
    failed: set[str] = field(default_factory=set)
    """Paths of fields whose values were refused: what validation says about them is only a consequence."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What is known about the place that the walk has come to."""

    path: str = ""
    secret: bool = False
    """No text of the file may be shown (foundation 24)."""
    judged: bool = False
    """Something above is refused or ignored as a whole: support is not asked again."""


def decode(root: Mapping, model: schema.Shape = schema.POD) -> Decoded:
    """Return what a document's root says as a Pod, or as the object of another model."""
    walk = _Walk(model)
    walk.out.places.root = (root.line, root.column)
    walk.out.value = walk.fields(root, schema.fields(model.struct), _Context())
    return walk.out


class _Walk:
    """One walk; its depth is bounded by the model's, for what is unknown is never entered."""

    def __init__(self, model: schema.Shape) -> None:
        self.out = Decoded()
        self._model = model
        self._unknown_fields = 0

    @property
    def _refuser(self) -> str:
        return "the kubelet" if self._model is schema.POD else "an API server"

    def fields(self, node: Mapping, known: dict[str, schema.Field], at: _Context) -> dict[str, object]:
        """Decode a map of fields that the model knows."""
        found: dict[str, object] = {}
        for name, (key, node_) in self._last_entries(node, at).items():
            if (of := known.get(name)) is None:
                self._unknown(key, list(known), at)
                continue
            path = f"{at.path}.{name}" if at.path else name
            rule = None if at.judged else support.RULES.get(of.key)
            inner = _Context(path, at.secret or of.key in support.SECRET, at.judged or rule is not None)
            self.out.places.keys[path] = (key.line, key.column)
            value = self._value(node_, of.shape, inner)
            if value is not _Nothing.ABSENT and value is not _Nothing.FAILED:
                found[name] = value
                self._judge(rule, inner, value)
        for name, of in known.items():
            if of.required and name not in found:
                found[name] = self._missing(of, at)
        return found

    def _last_entries(self, node: Mapping, at: _Context) -> dict[str, tuple[Scalar, Node]]:
        """Return the entries by key: of equal keys the last one counts, the others are noted."""
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.entries:
            if (earlier := entries.get(key.text)) is not None:
                name = shown_key(_told(key, at))
                text = f"{name} stands already in line {earlier[0].line}; the last one counts"
                self._note(Code.DUPLICATE_KEY, key, text, replace(at, path=f"{at.path}.{name}".lstrip(".")))
            entries[key.text] = (key, value)
        return entries

    def _unknown(self, key: Scalar, known: list[str], at: _Context) -> None:
        from podstead.manifest import hints  # noqa: PLC0415 - difflib, and the index of all fields

        name = _told(key, at)
        path = f"{at.path}.{shown_key(name)}".lstrip(".")
        self._unknown_fields += 1
        # Hints take their time, and of so many messages no more are shown.
        hint = hints.unknown_field(name, known, self._model) if self._unknown_fields <= MAX_MESSAGES else ""
        self._note(Code.UNKNOWN_FIELD, key, hint, replace(at, path=path))

    def _judge(self, rule: support.Rule | None, at: _Context, value: Plain) -> None:
        if rule is not None and (code := rule.says(value)) is not None:
            line, column = self.out.places.keys[at.path]
            self.out.findings.append(Finding(code=code, field=at.path, text=rule.text, line=line, column=column))

    def _missing(self, of: schema.Field, at: _Context) -> object:
        path = f"{at.path}.{of.name}" if at.path else of.name
        if path not in self.out.failed:
            line, column = self.out.places.closest(path)
            text = f"{of.name} is missing" if path not in self.out.places.keys else f"{of.name} is empty"
            self.out.findings.append(Finding(code=Code.REQUIRED, field=path, text=text, line=line, column=column))
            self.out.failed.add(path)
        return schema.zero(of.shape)

    def _value(self, node: Node, shape: schema.Shape, at: _Context) -> Plain:
        """Decode one value of any form, noting its place and whether it failed."""
        self.out.places.values[at.path] = (node.line, node.column)
        if isinstance(node, Scalar) and node.kind is ScalarKind.NULL:
            return _Nothing.ABSENT
        match shape.form:
            case Form.ANY:
                return {}
            case Form.OBJECT if isinstance(node, Mapping):
                return self.fields(node, schema.fields(shape.struct), at)
            case Form.MAP if isinstance(node, Mapping):
                return self._map(node, shape, at)
            case Form.LIST if isinstance(node, Sequence):
                return self._list(node, shape, at)
            case Form.OBJECT | Form.MAP | Form.LIST:
                return self._wrong(node, shape.form, at)
            case _ if isinstance(node, Scalar):
                return self._scalar(node, shape.form, at)
            case _:
                return self._wrong(node, shape.form, at)

    def _list(self, node: Sequence, shape: schema.Shape, at: _Context) -> Plain:
        found: list[object] = []
        for number, item in enumerate(node.items):
            inner = replace(at, path=f"{at.path}[{number}]")
            self.out.places.keys[inner.path] = (item.line, item.column)
            value = self._value(item, _item(shape), inner)
            if value is _Nothing.ABSENT:
                self._note(Code.WRONG_TYPE, item, "the list item is empty: fill or remove it", inner)
            if isinstance(value, _Nothing):
                # The gap keeps its number, so that later problems name the right item.
                self.out.failed.add(inner.path)
                found.append(schema.zero(_item(shape)))
            else:
                found.append(value)
        return found

    def _map(self, node: Mapping, shape: schema.Shape, at: _Context) -> Plain:
        found: dict[str, object] = {}
        for name, (key, item) in self._last_entries(node, at).items():
            inner = replace(at, path=f"{at.path}[{shown_key(name)}]")
            self.out.places.keys[inner.path] = (key.line, key.column)
            if key.kind in {ScalarKind.NULL, ScalarKind.BOOLEAN}:
                self._note(Code.KEY_TAKEN, key, f"{key.kind} stands here, its text is taken: put it in quotes", inner)
            value = self._value(item, _item(shape), inner)
            if value is _Nothing.ABSENT and _item(shape).form is Form.STRING:
                value = ""  # `key:` with nothing behind it is the usual way to write an empty label
            if not isinstance(value, _Nothing):
                found[name] = value
        return found

    def _scalar(self, node: Scalar, form: Form, at: _Context) -> Plain:
        match form:
            case Form.STRING:
                return self._string(node, at)
            case Form.QUANTITY:
                return self._quantity(node, at)
            case Form.BOOLEAN if node.kind is ScalarKind.BOOLEAN:
                return scalars.boolean(node.text)
            case Form.INTEGER | Form.INTEGER_OR_STRING if node.kind is ScalarKind.INTEGER:
                if (number := scalars.integer(node.text)) is not None:
                    return number
                return self._refuse(node, at, f"the number has more than 64 bits, {form} is due here")
            case Form.INTEGER_OR_STRING if node.kind is ScalarKind.STRING and not _looks_like(node, ScalarKind.INTEGER):
                return self._string(node, at)
            case _:
                return self._wrong(node, form, at, hint=_without_quotes(node, form, at))

    def _string(self, node: Scalar, at: _Context) -> Plain:
        if "\0" in node.text:
            return self._refuse(node, at, "the text holds a NUL character")
        if node.kind is not ScalarKind.STRING:
            text = f"{node.kind} stands here, its text is taken as it is; {self._refuser} refuses the file"
            mend = "put it in quotes" if at.secret else f"write {shown(node.text)}"
            self._note(Code.TEXT_TAKEN, node, f"{text}: {mend}", at)
        return node.text

    def _quantity(self, node: Scalar, at: _Context) -> Plain:
        text = node.text
        if node.kind is ScalarKind.BOOLEAN:
            return self._wrong(node, Form.QUANTITY, at)
        if node.kind is ScalarKind.INTEGER and (number := scalars.integer(text)) is not None:
            text = str(number)
        if (reason := quantity.problem(text)) is not None:
            return self._refuse(node, at, f"{shown(node.text)} {reason}")
        return text

    def _wrong(self, node: Node, form: Form, at: _Context, *, hint: str = "") -> Plain:
        """Refuse a value because another kind of value is due."""
        stands = _called(node)
        if isinstance(node, Scalar) and not at.secret:
            stands = f"{stands}, {shown(node.text)}"
        return self._refuse(node, at, f"{form} is due here, not {stands}{hint or _shape_hint(node, form, at)}")

    def _refuse(self, node: Node, at: _Context, text: str) -> Plain:
        self._note(Code.WRONG_TYPE, node, text, at)
        self.out.failed.add(at.path)
        return _Nothing.FAILED

    def _note(self, code: Code, node: Node, text: str, at: _Context) -> None:
        self.out.findings.append(Finding(code=code, field=at.path, text=text, line=node.line, column=node.column))


def _told(key: Scalar, at: _Context) -> str:
    """Return as much of a key as may be told: in env, `NAME=secret` may have become one by a slip."""
    return key.text.partition("=")[0] if at.secret else key.text


def _item(shape: schema.Shape) -> schema.Shape:
    if shape.item is None:
        raise TypeError(f"a shape of form {shape.form} holds no items")
    return shape.item


def _called(node: Node) -> str:
    if isinstance(node, Scalar):
        return str(node.kind)
    return "a list" if isinstance(node, Sequence) else "a map"


def _looks_like(node: Scalar, kind: ScalarKind) -> bool:
    return node.quoted and scalars.kind_of(node.text) is kind


def _without_quotes(node: Scalar, form: Form, at: _Context) -> str:
    """Return what to write when only the quotes are wrong."""
    if form is Form.BOOLEAN and _looks_like(node, ScalarKind.BOOLEAN):
        return f": write {str(scalars.boolean(node.text)).lower()} without quotes"
    if form is not Form.BOOLEAN and _looks_like(node, ScalarKind.INTEGER):
        return ": write it without quotes" if at.secret else f": write {node.text} without quotes"
    return ""


def _shape_hint(node: Node, form: Form, at: _Context) -> str:
    """Return what to write when the shape is wrong."""
    if form is Form.LIST:
        return ": begin each item with '- '"
    if form is Form.OBJECT and _ENV_ENTRY.search(at.path):
        return ": write 'name: NAME' and 'value: VALUE'"
    if isinstance(node, Sequence) and form in {Form.OBJECT, Form.MAP}:
        return ": write its fields without '- '"
    if isinstance(node, Mapping) and form is Form.STRING:
        return ": a ': ' in the text makes it a map, put the whole text in quotes"
    return ""
