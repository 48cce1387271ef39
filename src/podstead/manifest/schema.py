"""The shape of core/v1 types, read from the generated model itself, so that it cannot differ from it.

Shapes are made the first time a type is met: a manifest touches some 15 of the 135 types that a Pod can reach.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from podstead.k8s import core_v1 as v1


class Form(StrEnum):
    """What kind of value a field takes; the value is how messages call it."""

    STRING = "a string"
    QUANTITY = "a quantity"
    INTEGER = "an integer"
    INTEGER_OR_STRING = "an integer or a name"
    BOOLEAN = "true or false"
    LIST = "a list"
    MAP = "a map"
    OBJECT = "a map of fields"
    ANY = "anything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A field's type: `item` is what a list or map holds, `struct` the model's class of an object."""

    form: Form
    item: Shape | None = None
    struct: type[msgspec.Struct] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of an object, by its JSON name. `owner` names the object's type: `Container`."""

    owner: str
    name: str
    shape: Shape
    required: bool

    @property
    def key(self) -> str:
        """The field's name across the whole model: `Container.livenessProbe`."""
        return f"{self.owner}.{self.name}"


@cache
def fields(struct: type[msgspec.Struct]) -> dict[str, Field]:
    """Return the fields of a model class by JSON name."""
    required = len(struct.__struct_fields__) - len(struct.__struct_defaults__)
    annotations = struct.__annotations__
    found = {}
    # msgspec keeps the required fields of a keyword-only struct in front.
    for number, (attribute, name) in enumerate(
        zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    ):
        has_default = number >= required and struct.__struct_defaults__[number - required] is not msgspec.NODEFAULT
        shape = shape_of(annotations[attribute])
        found[name] = Field(owner=struct.__name__, name=name, shape=shape, required=not has_default)
    return found


POD = Shape(form=Form.OBJECT, struct=v1.Pod)
"""The shape of the whole manifest."""
CONFIG_MAP = Shape(form=Form.OBJECT, struct=v1.ConfigMap)
SECRET = Shape(form=Form.OBJECT, struct=v1.Secret)
"""The shapes of what stands in the objects directory."""


def shape_of(annotation: Any) -> Shape:
    """Return the shape that an annotation of the generated model means."""
    if get_origin(annotation) is Annotated:
        return Shape(form=Form.QUANTITY)
    if get_origin(annotation) in {types.UnionType, Union}:
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        return Shape(form=Form.INTEGER_OR_STRING) if set(members) == {int, str} else shape_of(_only(members))
    if annotation in _PLAIN:
        return Shape(form=_PLAIN[annotation])
    if get_origin(annotation) is tuple:
        return Shape(form=Form.LIST, item=shape_of(get_args(annotation)[0]))
    if get_origin(annotation) is dict:
        return Shape(form=Form.MAP, item=shape_of(get_args(annotation)[1]))
    return Shape(form=Form.OBJECT, struct=annotation)


_PLAIN: dict[Any, Form] = {str: Form.STRING, int: Form.INTEGER, bool: Form.BOOLEAN, Any: Form.ANY}


def _only(members: list[Any]) -> Any:
    (member,) = members
    return member


def zero(shape: Shape) -> object:
    """Return the value that stands for a missing required field, so that the rest can still be judged."""
    match shape.form:
        case Form.LIST:
            return []
        case Form.MAP | Form.ANY:
            return {}
        case Form.INTEGER | Form.INTEGER_OR_STRING:
            return 0
        case Form.BOOLEAN:
            return False
        case Form.OBJECT if shape.struct is not None:
            return {name: zero(field.shape) for name, field in fields(shape.struct).items() if field.required}
        case _:
            return ""
