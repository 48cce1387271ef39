from __future__ import annotations

import gzip
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from podstead.containerd import archive_members
from podstead.containerd.image_archive import Blob, read_archive
from podstead.errors import OperatorError
from tests.unit.containerd.archives import (
    LAYER,
    digest,
    docker_archive,
    docker_config,
    members_of,
    nested_index,
    oci_archive,
    write_tar,
)

if TYPE_CHECKING:
    from pathlib import Path


def content(archive: Path, blob: Blob) -> bytes:
    if blob.content is not None:
        return blob.content
    with archive.open("rb") as stream:
        stream.seek(blob.offset)
        return stream.read(blob.size)


def test_an_oci_archive_with_two_names(tmp_path: Path) -> None:
    archive = tmp_path / "i.tar"
    built = oci_archive(archive, "r/a:1", "r/b:2")
    (image,) = read_archive(archive)
    assert (image.id, image.target.digest, image.names) == (built.id, built.manifest_digest, ("r/a:1", "r/b:2"))
    assert len(image.blobs) == 3
    for blob in image.blobs:
        assert digest(content(archive, blob)) == blob.digest


def test_a_docker_archive_gets_a_manifest_and_follows_links(tmp_path: Path) -> None:
    archive = tmp_path / "i.tar"
    image_id = docker_archive(archive, "mysql:5.7")
    (image,) = read_archive(archive)
    assert (image.id, image.names) == (image_id, ("mysql:5.7",))
    manifest = json.loads(content(archive, image.target))
    assert [layer["digest"] for layer in manifest["layers"]] == [digest(LAYER)] * 2
    for blob in image.blobs:
        assert digest(content(archive, blob)) == blob.digest


def test_an_index_is_served_as_it_is(tmp_path: Path) -> None:
    built = oci_archive(tmp_path / "plain.tar", "r/a:1")
    index = nested_index(tmp_path / "i.tar", tmp_path / "plain.tar", built)
    (image,) = read_archive(tmp_path / "i.tar")
    assert (image.id, image.target.digest, image.names) == (built.id, index, ())
    assert len(image.blobs) == 4


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_another_machines_image_is_refused(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "i.tar"
    if kind == "oci":
        oci_archive(archive, "r/a:1", architecture="s390x")
    else:
        docker_archive(archive, config=docker_config(architecture="s390x"))
    with pytest.raises(OperatorError, match="no image for linux/"):
        read_archive(archive)


def test_a_compressed_archive_is_told_how_to_unpack(tmp_path: Path) -> None:
    oci_archive(tmp_path / "i.tar", "r/a:1")
    (tmp_path / "i.tar.gz").write_bytes(gzip.compress((tmp_path / "i.tar").read_bytes()))
    with pytest.raises(OperatorError, match=r"unpack it first, with: gunzip i\.tar\.gz"):
        read_archive(tmp_path / "i.tar.gz")


@pytest.mark.parametrize("data", [b"", b"no tar at all", b"\0" * 10240])
def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(OperatorError, match="cannot import"):
        read_archive(tmp_path / "x.tar")


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="No such file"):
        read_archive(tmp_path / "none.tar")
    with pytest.raises(OperatorError, match="Is a directory"):
        read_archive(tmp_path)


def test_a_tar_that_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="it is a tar, but no image"):
        read_archive(write_tar(tmp_path / "x.tar", {"etc/passwd": b"root"}))


def test_an_archive_cut_short_is_never_half_an_image(tmp_path: Path) -> None:
    oci_archive(tmp_path / "i.tar", "r/a:1")
    whole = (tmp_path / "i.tar").read_bytes()
    with tarfile.open(tmp_path / "i.tar") as tar:
        end = max(member.offset_data + member.size for member in tar)
    for length in (*range(512, end, 1536), end - 1):
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        with pytest.raises(OperatorError):
            read_archive(tmp_path / "cut.tar")


def test_a_blob_with_another_content_is_damaged(tmp_path: Path) -> None:
    built = oci_archive(tmp_path / "i.tar", "r/a:1")
    members = members_of(tmp_path / "i.tar")
    name = f"blobs/sha256/{built.id.removeprefix('sha256:')}"
    members[name] = members[name].replace(b"linux", b"Linux")
    with pytest.raises(OperatorError, match=f"its blob {built.id} is damaged"):
        read_archive(write_tar(tmp_path / "x.tar", members))


def test_docker_layers_must_be_those_of_the_configuration(tmp_path: Path) -> None:
    docker_archive(tmp_path / "i.tar", config=docker_config(rootfs={"diff_ids": [digest(b"other")] * 2}))
    with pytest.raises(OperatorError, match="not those that its configuration names"):
        read_archive(tmp_path / "i.tar")


@pytest.mark.parametrize(
    "index",
    [b"", b"[]", b'{"manifests": 3}', b"[" * 200_000, b'{"manifests":[{"digest":"sha256:x","size":1}]}'],
    ids=["empty", "list", "number", "deep", "absent"],
)
def test_a_damaged_index(tmp_path: Path, index: bytes) -> None:
    with pytest.raises(OperatorError, match="cannot import"):
        read_archive(write_tar(tmp_path / "x.tar", {"index.json": index}))


def test_paths_cannot_leave_the_archive(tmp_path: Path) -> None:
    evil = {"manifests": [{"digest": "sha256:../../../../etc/passwd", "size": 1}]}
    with pytest.raises(OperatorError, match="is missing in it"):
        read_archive(write_tar(tmp_path / "x.tar", {"index.json": json.dumps(evil).encode()}))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "x.tar", {}, {"index.json": "other", "other": "index.json"})
    with pytest.raises(OperatorError, match="is not a file"):
        read_archive(archive)


def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oci_archive(tmp_path / "i.tar", "r/a:1")
    monkeypatch.setattr(archive_members, "MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(OperatorError, match="larger than 100 bytes"):
        read_archive(tmp_path / "i.tar")
    monkeypatch.setattr(archive_members, "MAX_MEMBERS", 2)
    with pytest.raises(OperatorError, match="more than 2 members"):
        read_archive(tmp_path / "i.tar")
