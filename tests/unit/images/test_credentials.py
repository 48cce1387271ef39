"""Credentials from docker's config.json."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from podstead.images.credentials import Credentials, decode
from podstead.k8s.image_reference import ImageReference, parse

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "s3cr3t-canary"


def ref(text: str) -> ImageReference:
    reference = parse(text)
    assert isinstance(reference, ImageReference)
    return reference


def auth(user: str, password: str = CANARY) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def config(**auths: object) -> bytes:
    return json.dumps({"auths": auths}).encode()


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "https://index.docker.io/v1", "docker.io", "registry-1.docker.io"]
)
def test_docker_hub_has_many_names(key: str) -> None:
    found = decode(json.dumps({"auths": {key: auth("hub")}}).encode(), "f").find(ref("mysql:8"))
    assert found is not None
    assert (found.username, found.password) == ("hub", CANARY)


def test_the_most_specific_entry_wins() -> None:
    data = {
        "auths": {
            "*.example.com": auth("wild"),
            "quay.io": auth("host"),
            "quay.io/team": auth("team"),
            "https://quay.io/v2/team/app": auth("app"),
        }
    }
    credentials = decode(json.dumps(data).encode(), "f")
    names = {
        text: found.username if (found := credentials.find(ref(text))) else None
        for text in (
            "quay.io/other",
            "quay.io/team/x",
            "quay.io/team/app:1",
            "quay.io/teams/x",
            "r.example.com/a",
            "a.r.example.com/a",
            "quay.io:8443/x",
            "mysql",
        )
    }
    assert names == {
        "quay.io/other": "host",
        "quay.io/team/x": "team",
        "quay.io/team/app:1": "app",
        "quay.io/teams/x": "host",
        "r.example.com/a": "wild",
        "a.r.example.com/a": None,
        "quay.io:8443/x": None,
        "mysql": None,
    }


def test_plain_fields_and_identity_tokens() -> None:
    data = {
        "auths": {
            "a.io": {"username": "u", "password": "p:q"},
            "b.io": {"identitytoken": "tok"},
            "c.io": auth("u", "p:with:colons"),
            "d.io": {},
        }
    }
    credentials = decode(json.dumps(data).encode(), "f")
    a, b, c = (credentials.find(ref(f"{host}/x")) for host in ("a.io", "b.io", "c.io"))
    assert a is not None
    assert b is not None
    assert c is not None
    assert (a.username, a.password) == ("u", "p:q")
    assert b.identity_token == "tok"
    assert c.password == "p:with:colons"
    assert credentials.find(ref("d.io/x")) is None
    assert credentials.warnings == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        f'{{"auths": {{"quay.io": {{"auth": 5, "password": "{CANARY}"}}}}}}'.encode(),
        f'{{"auths": {{"quay.io": {{"auth": "{CANARY}!"}}}}}}'.encode(),
        json.dumps({"auths": {"quay.io": {"auth": base64.b64encode(CANARY.encode()).decode()}}}).encode(),
        f'{{"auths": {{"quay.io": "{CANARY}"}}}}'.encode(),
        f'{{"x": "{CANARY}'.encode(),
    ],
)
def test_what_cannot_be_read_is_a_warning_without_content(data: bytes) -> None:
    credentials = decode(data, "/etc/config.json")
    assert credentials.entries == ()
    assert len(credentials.warnings) == 1
    assert "/etc/config.json" in credentials.warnings[0]
    assert CANARY not in credentials.warnings[0]


def test_helpers_are_named_not_run() -> None:
    credentials = decode(b'{"credsStore": "desktop", "auths": {"quay.io": {}}}', "f")
    assert credentials.find(ref("quay.io/x")) is None
    assert "credential helper" in credentials.warnings[0]


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    said: list[str] = []
    credentials = Credentials(files=(tmp_path / "absent.json", file), warn=said.append)
    assert await credentials.find(ref("quay.io/x")) is None

    file.write_bytes(config(**{"quay.io": auth("one")}))
    found = await credentials.find(ref("quay.io/x"))
    assert found is not None
    assert found.username == "one"
    assert CANARY not in repr(found)

    file.write_bytes(config(**{"quay.io": auth("second")}))
    found = await credentials.find(ref("quay.io/x"))
    assert found is not None
    assert found.username == "second"

    # Half written: what worked goes on working, and the warning comes once.
    file.write_bytes(b'{"auths": {"quay')
    for _ in range(2):
        found = await credentials.find(ref("quay.io/x"))
        assert found is not None
        assert found.username == "second"
    assert len(said) == 1

    file.unlink()
    assert await credentials.find(ref("quay.io/x")) is None


async def test_a_file_that_is_none(tmp_path: Path) -> None:
    said: list[str] = []
    credentials = Credentials(files=(tmp_path,), warn=said.append)
    assert await credentials.find(ref("quay.io/x")) is None
    assert said == [f"cannot read registry credentials from {tmp_path}: Is a directory"]
    (tmp_path / "big").write_bytes(b"x" * ((1 << 20) + 1))
    credentials = Credentials(files=(tmp_path / "big",), warn=said.append)
    assert await credentials.find(ref("quay.io/x")) is None
    assert "larger than 1 MiB" in said[1]
