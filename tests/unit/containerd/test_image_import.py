"""Imports against a runtime that pulls as containerd does: by hosts.toml, HEAD, then GET of everything, checked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tomllib
from typing import TYPE_CHECKING

import pytest

from podstead.config.images import Registry
from podstead.containerd.image_archive import read_archive
from podstead.containerd.image_import import ImageImporter
from podstead.containerd.import_server import ImportServer
from podstead.containerd.registry_hosts import RegistryHosts
from podstead.errors import OperatorError, RuntimeFault
from tests.unit.containerd.archives import digest, docker_archive, nested_index, oci_archive

if TYPE_CHECKING:
    from pathlib import Path


async def ask(port: int, request: str) -> tuple[int, dict[str, str], bytes]:
    """Make one HTTP request; return status, headers and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{request}\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        length = 0 if request.startswith("HEAD") else int(headers["Content-Length"])
        return int(head[0].split()[1]), headers, await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()


def split_url(url: str) -> tuple[int, str]:
    port, _, path = url.removeprefix("http://127.0.0.1:").partition("/")
    return int(port), f"/{path}"


class PullingRuntime:
    """Holds images by name, pulled through the certs.d directory."""

    def __init__(self, certs: Path) -> None:
        self.certs = certs
        self.images: dict[str, str] = {}
        self.routes: list[str] = []

    async def pull(self, name: str) -> str:
        host, _, rest = name.partition("/")
        repository, _, tag = rest.rpartition(":")
        file = self.certs / host / "hosts.toml"
        if not file.exists():
            raise RuntimeFault(f"cannot pull image {name!r}: no such host", transient=True)
        url = next(iter(tomllib.loads(file.read_text())["host"]))
        self.routes.append(url)
        port, path = split_url(url)
        status, headers, _ = await ask(port, f"HEAD {path}/{repository}/manifests/{tag} HTTP/1.1")
        assert status == 200
        self.images[name] = await self._fetch(
            port, f"{path}/{repository}", "manifests", headers["Docker-Content-Digest"]
        )
        return self.images[name]

    async def _fetch(self, port: int, path: str, kind: str, wanted: str) -> str:
        status, _, body = await ask(port, f"GET {path}/{kind}/{wanted} HTTP/1.1")
        assert (status, digest(body)) == (200, wanted)
        document = json.loads(body)
        if "manifests" in document:
            return await self._fetch(port, path, "manifests", document["manifests"][-1]["digest"])
        for part in (document["config"], *document["layers"]):
            status, headers, blob = await ask(port, f"GET {path}/blobs/{part['digest']} HTTP/1.1")
            assert (status, digest(blob), headers["Content-Type"]) == (200, part["digest"], part["mediaType"])
        return str(document["config"]["digest"])


@pytest.fixture
def runtime(tmp_path: Path) -> PullingRuntime:
    return PullingRuntime(tmp_path / "certs.d")


@pytest.fixture
def importer(runtime: PullingRuntime) -> ImageImporter:
    hosts = RegistryHosts(runtime.certs, [Registry(host="docker.io", mirrors=("m",))])
    hosts.write()
    return ImageImporter(hosts)


async def test_an_archive_is_known_under_every_wanted_name(
    tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter
) -> None:
    built = oci_archive(tmp_path / "i.tar", "docker.io/library/a:1")
    (done,) = await importer.import_image(tmp_path / "i.tar", pull=runtime.pull, names=["mysql:5.7.39", "r:5000/x:1"])
    names = ("docker.io/library/mysql:5.7.39", "r:5000/x:1")
    assert (done.id, done.digest, done.names) == (built.id, built.manifest_digest, names)
    assert runtime.images == dict.fromkeys(names, built.id)


@pytest.mark.parametrize("kind", ["oci", "docker", "index"])
async def test_every_kind_of_archive_arrives(
    tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter, kind: str
) -> None:
    archive = tmp_path / "i.tar"
    if kind == "docker":
        wanted = docker_archive(archive)
    else:
        built = oci_archive(archive)
        wanted = built.id
        if kind == "index":
            nested_index(tmp_path / "n.tar", archive, built)
            archive = tmp_path / "n.tar"
    (done,) = await importer.import_image(archive, pull=runtime.pull, names=["a:1"])
    assert done.id == wanted


async def test_no_route_and_no_server_is_left(tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter) -> None:
    before = {file: file.read_text() for file in runtime.certs.rglob("hosts.toml")}
    oci_archive(tmp_path / "i.tar", "docker.io/library/a:1", "r.example/b:1")
    await importer.import_image(tmp_path / "i.tar", pull=runtime.pull)
    assert {file: file.read_text() for file in runtime.certs.rglob("hosts.toml")} == before
    assert len(set(runtime.routes)) == 1  # one secret a run of the server
    port, _ = split_url(runtime.routes[0])
    with pytest.raises(ConnectionRefusedError):
        await ask(port, "GET / HTTP/1.1")
    await importer.import_image(tmp_path / "i.tar", pull=runtime.pull)
    assert len(set(runtime.routes)) == 2


async def test_a_failed_pull_leaves_no_route(tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter) -> None:
    oci_archive(tmp_path / "i.tar", "r.example/b:1")

    async def fail(name: str) -> str:
        raise RuntimeFault(f"cannot pull {name}")

    with pytest.raises(RuntimeFault, match=r"cannot pull r\.example/b:1"):
        await importer.import_image(tmp_path / "i.tar", pull=fail)
    assert [child.name for child in runtime.certs.iterdir()] == ["docker.io"]


async def test_a_cancelled_import_leaves_no_route(
    tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter
) -> None:
    oci_archive(tmp_path / "i.tar", "r.example/b:1")
    began = asyncio.Event()

    async def hang(name: str) -> str:
        began.set()
        await asyncio.sleep(60)
        return name

    async with asyncio.TaskGroup() as group:
        task = group.create_task(importer.import_image(tmp_path / "i.tar", pull=hang))
        await began.wait()
        assert (runtime.certs / "r.example").exists()
        task.cancel()
    assert not (runtime.certs / "r.example").exists()


async def test_another_image_under_the_name_is_an_error(
    tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter
) -> None:
    oci_archive(tmp_path / "i.tar", "r.example/b:1")

    async def other(name: str) -> str:
        return digest(name.encode())

    with pytest.raises(OperatorError, match="another registry answered for it"):
        await importer.import_image(tmp_path / "i.tar", pull=other)


async def test_imports_wait_for_each_other(tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter) -> None:
    for name in ("one", "two", "three"):
        oci_archive(tmp_path / f"{name}.tar", f"docker.io/library/{name}:1")
    at_once = 0

    async def counted(name: str) -> str:
        nonlocal at_once
        at_once += 1
        assert at_once == 1
        try:
            return await runtime.pull(name)
        finally:
            at_once -= 1

    async with asyncio.TaskGroup() as group:
        for name in ("one", "two", "three"):
            group.create_task(importer.import_image(tmp_path / f"{name}.tar", pull=counted))
    assert len(runtime.images) == 3


async def test_names_that_cannot_be_are_refused_before_anything(
    tmp_path: Path, runtime: PullingRuntime, importer: ImageImporter
) -> None:
    oci_archive(tmp_path / "i.tar")
    with pytest.raises(OperatorError, match="its image has no name; give one"):
        await importer.import_image(tmp_path / "i.tar", pull=runtime.pull)
    with pytest.raises(OperatorError, match="this is no image name"):
        await importer.import_image(tmp_path / "i.tar", pull=runtime.pull, names=["NO NAME"])
    assert runtime.routes == []


async def test_the_server_answers_nothing_but_the_image(tmp_path: Path) -> None:
    built = oci_archive(tmp_path / "i.tar", "r.example/b:1")
    (image,) = read_archive(tmp_path / "i.tar")
    with (tmp_path / "i.tar").open("rb") as archive:
        async with ImportServer(image, archive).serving(None) as url:
            port, path = split_url(url)
            wrong = "/".join(["", "x" * len(path.split("/")[1]), "v2"])
            for request, status in (
                (f"GET {path}/any/name/manifests/tag", 200),
                (f"HEAD {path}/n/blobs/{built.id}?ns=docker.io", 200),
                (f"GET {wrong}/n/manifests/tag", 404),
                ("GET /v2/n/manifests/tag", 404),
                (f"GET {path}/n/blobs/sha256:0", 404),
                (f"GET {path}/n/manifests/sha256:0", 404),
                (f"GET {path}/n/tags/list", 404),
                (f"GET {path}/../../etc/passwd", 404),
                (f"POST {path}/n/manifests/tag", 405),
                (f"PUT {path}/n/manifests/tag", 405),
                ("nonsense", 405),
            ):
                assert (await ask(port, f"{request} HTTP/1.1"))[0] == status, request


async def test_a_client_that_sends_too_much_or_goes_disturbs_nobody(tmp_path: Path) -> None:
    oci_archive(tmp_path / "i.tar", "r.example/b:1")
    (image,) = read_archive(tmp_path / "i.tar")
    with (tmp_path / "i.tar").open("rb") as archive:
        async with ImportServer(image, archive).serving(None) as url:
            port, path = split_url(url)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"G" * 100_000)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readuntil(b"\n")
            writer.close()
            _, early = await asyncio.open_connection("127.0.0.1", port)
            early.write(f"GET {path}/n/blobs/{image.blobs[-1].digest} HTTP/1.1\r\n\r\n".encode())
            early.transport.abort()
            assert (await ask(port, f"GET {path}/n/manifests/t HTTP/1.1"))[0] == 200


@pytest.mark.parametrize("turns", range(1, 8))
async def test_no_connection_outlives_the_serving_however_young(tmp_path: Path, turns: int) -> None:
    oci_archive(tmp_path / "i.tar", "r.example/b:1")
    (image,) = read_archive(tmp_path / "i.tar")
    with (tmp_path / "i.tar").open("rb") as archive, socket.socket() as client:
        client.settimeout(10)
        async with ImportServer(image, archive).serving(None) as url:
            client.connect(("127.0.0.1", split_url(url)[0]))
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
