from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


import msgspec
import pytest

from podstead.k8s import core_v1 as v1
from podstead.manifest import schema
from podstead.manifest.schema import Form


def structs(shape: schema.Shape, seen: set[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    if shape.item is not None:
        yield from structs(shape.item, seen)
    if shape.struct is not None and shape.struct not in seen:
        seen.add(shape.struct)
        yield shape.struct
        for field in schema.fields(shape.struct).values():
            yield from structs(field.shape, seen)


def test_every_field_of_the_model_has_a_shape_that_its_zero_fits() -> None:
    found = list(structs(schema.POD, set()))
    assert len(found) > 100
    for struct in found:
        zero = schema.zero(schema.Shape(form=Form.OBJECT, struct=struct))
        assert isinstance(msgspec.convert(zero, struct), struct)
        assert {field.name for field in schema.fields(struct).values()} == set(struct.__struct_encode_fields__)


@pytest.mark.parametrize(
    ("struct", "name", "form", "required"),
    [
        (v1.Pod, "spec", Form.OBJECT, True),
        (v1.PodSpec, "containers", Form.LIST, True),
        (v1.PodSpec, "hostNetwork", Form.BOOLEAN, False),
        (v1.PodSpec, "nodeSelector", Form.MAP, False),
        (v1.Container, "name", Form.STRING, True),
        (v1.ContainerPort, "containerPort", Form.INTEGER, True),
        (v1.TCPSocketAction, "port", Form.INTEGER_OR_STRING, True),
        (v1.EmptyDirVolumeSource, "sizeLimit", Form.QUANTITY, False),
        (v1.AzureDiskVolumeSource, "diskURI", Form.STRING, True),
    ],
)
def test_shapes(struct: type[msgspec.Struct], name: str, form: Form, required: bool) -> None:  # a table's column
    field = schema.fields(struct)[name]
    assert (field.shape.form, field.required) == (form, required)


def test_maps_know_what_they_hold() -> None:
    limits = schema.fields(v1.ResourceRequirements)["limits"].shape
    assert limits.item == schema.Shape(form=Form.QUANTITY)
    assert schema.fields(v1.ObjectMeta)["labels"].shape.item == schema.Shape(form=Form.STRING)
