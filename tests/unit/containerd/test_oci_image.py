from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from podstead.containerd.oci_image import (
    ImageConfig,
    ImageFile,
    layer_from_files,
    write_image,
)
from podstead.containerd.pause import build_pause_image, is_dynamic, pause_image_name
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    ImageFile(path="usr/bin/tool", content=b"#!/bin/sh\n", mode=0o755),
    ImageFile(path="bin/sh", link="../usr/bin/tool"),
    ImageFile(path="tmp", directory=True, mode=0o1777),
    ImageFile(path="tmp/file", content=b"x"),
]


def listing(layer: bytes) -> list[tuple[str, int, str]]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return [(member.name, member.mode, member.linkname) for member in tar]


def test_a_layer_has_every_parent_once_and_before_its_content() -> None:
    assert listing(layer_from_files(FILES)) == [
        ("bin", 0o755, ""),
        ("bin/sh", 0o777, "../usr/bin/tool"),
        ("tmp", 0o1777, ""),
        ("tmp/file", 0o644, ""),
        ("usr", 0o755, ""),
        ("usr/bin", 0o755, ""),
        ("usr/bin/tool", 0o755, ""),
    ]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    layer = layer_from_files(FILES)
    assert layer_from_files(list(reversed(FILES))) == layer
    archives = []
    for name in ("one.tar", "two.tar"):
        write_image(tmp_path / name, layer=io.BytesIO(layer), config=ImageConfig(cmd=("/bin/sh",)), names=("r/a:1",))
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]


def test_every_digest_in_an_archive_is_that_of_its_blob(tmp_path: Path) -> None:
    config = ImageConfig(entrypoint=("/e",), user="7", volumes=("/data",), exposed_ports=("80/tcp",), labels={"a": "b"})
    built = write_image(tmp_path / "i.tar", layer=io.BytesIO(layer_from_files(FILES)), config=config, names=("r/a:1",))
    with tarfile.open(tmp_path / "i.tar") as tar:
        contents = {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}
    blobs = {name: data for name, data in contents.items() if name.startswith("blobs/sha256/")}
    assert all(name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}" for name, data in blobs.items())
    assert len(blobs) == 3
    index = json.loads(contents["index.json"])
    assert index["manifests"][0]["digest"] == built.manifest_digest
    document = json.loads(blobs[f"blobs/sha256/{built.id.removeprefix('sha256:')}"])
    assert document["config"] == {
        "Entrypoint": ["/e"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "User": "7",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "b"},
    }
    assert document["os"] == "linux"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot write the image"):
        write_image(tmp_path / "no" / "i.tar", layer=io.BytesIO(), config=ImageConfig(), names=())


def elf(*kinds: int, wide: bool = True) -> bytes:
    """Return an ELF header with program headers of the given types (elf(5))."""
    size = 56 if wide else 32
    start = 64 if wide else 52
    head = bytearray(start)
    head[:6] = b"\x7fELF" + (b"\2\1" if wide else b"\1\1")
    if wide:
        head[32:40] = start.to_bytes(8, "little")
        head[54:58] = size.to_bytes(2, "little") + len(kinds).to_bytes(2, "little")
    else:
        head[28:32] = start.to_bytes(4, "little")
        head[42:46] = size.to_bytes(2, "little") + len(kinds).to_bytes(2, "little")
    return bytes(head) + b"".join(kind.to_bytes(4, "little") + bytes(size - 4) for kind in kinds)


@pytest.mark.parametrize("wide", [True, False])
def test_a_program_with_an_interpreter_is_dynamic(wide: bool) -> None:
    assert is_dynamic(elf(6, 3, 1, wide=wide))
    assert not is_dynamic(elf(6, 1, wide=wide))
    assert is_dynamic(b"#!/bin/sh\n")


def test_the_pause_images_name_follows_its_program(tmp_path: Path) -> None:
    program = tmp_path / "catatonit"
    program.write_bytes(elf(1))
    name = pause_image_name(program)
    built = build_pause_image(program, tmp_path / "p.tar")
    assert built.names == (name,)
    program.write_bytes(elf(1, 1))
    assert pause_image_name(program) != name
    program.write_bytes(elf(3))
    with pytest.raises(OperatorError, match="dynamically linked"):
        build_pause_image(program, tmp_path / "p.tar")
    with pytest.raises(OperatorError, match="cannot make the pause image"):
        pause_image_name(tmp_path / "none")
