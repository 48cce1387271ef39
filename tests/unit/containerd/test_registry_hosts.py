from __future__ import annotations

import stat
import tomllib
from typing import TYPE_CHECKING

import pytest

from podstead.config.images import ImageSettings, Registry
from podstead.containerd.registry_hosts import RegistryHosts, proxy_environment, render_hosts
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from pathlib import Path

PULLS = ["pull", "resolve"]


def test_docker_hub_lives_at_another_name() -> None:
    read = tomllib.loads(render_hosts(Registry(host="docker.io", mirrors=("mirror.example", "http://plain:5000/"))))
    assert read == {
        "server": "https://registry-1.docker.io",
        "host": {
            "https://mirror.example": {"capabilities": PULLS},
            "http://plain:5000": {"capabilities": PULLS},
        },
    }


def test_a_private_registry_with_its_ca() -> None:
    read = tomllib.loads(render_hosts(Registry(host="r.example:5000", ca_file="/etc/ca.pem")))
    assert read == {
        "server": "https://r.example:5000",
        "host": {"https://r.example:5000": {"capabilities": PULLS, "ca": "/etc/ca.pem"}},
    }


def test_plain_http_and_skip_verify_hold_for_mirrors_too() -> None:
    read = tomllib.loads(render_hosts(Registry(host="r", mirrors=("m",), plain_http=True, skip_verify=True)))
    assert read["server"] == "http://r"
    assert list(read["host"]) == ["http://m", "http://r"]
    assert all(entry["skip_verify"] is True for entry in read["host"].values())


def test_a_registry_in_plain_http_has_a_table_of_its_own() -> None:
    read = tomllib.loads(render_hosts(Registry(host="127.0.0.1:5000", plain_http=True)))
    assert list(read["host"]) == ["http://127.0.0.1:5000"]
    assert "host" not in tomllib.loads(render_hosts(Registry(host="r")))
    among = Registry(host="r:5000", plain_http=True, mirrors=("m", "r:5000", "m/"))
    assert list(tomllib.loads(render_hosts(among))["host"]) == ["http://m", "http://r:5000"]


def test_an_import_is_asked_first_and_the_others_stay() -> None:
    read = tomllib.loads(
        render_hosts(Registry(host="docker.io", mirrors=("m",)), import_url="http://127.0.0.1:1/secret/v2")
    )
    assert list(read["host"]) == ["http://127.0.0.1:1/secret/v2", "https://m"]
    assert read["host"]["http://127.0.0.1:1/secret/v2"] == {"capabilities": PULLS, "override_path": True}
    assert read["server"] == "https://registry-1.docker.io"


def test_writing_removes_what_is_not_configured(tmp_path: Path) -> None:
    left = tmp_path / "docker.io"
    left.mkdir()
    (left / "hosts.toml").write_text('server = "http://127.0.0.1:1/left/by/a/killed/import"')
    RegistryHosts(tmp_path, [Registry(host="r.example")]).write()
    assert [child.name for child in tmp_path.iterdir()] == ["r.example"]
    assert [child.name for child in (tmp_path / "r.example").iterdir()] == ["hosts.toml"]


def test_nobody_else_reads_what_may_hold_a_mirrors_password(tmp_path: Path) -> None:
    RegistryHosts(tmp_path, [Registry(host="r.example", mirrors=("https://user:secret@mirror.example",))]).write()
    assert stat.S_IMODE((tmp_path / "r.example" / "hosts.toml").stat().st_mode) == 0o600


async def test_the_route_of_an_import_ends_with_it(tmp_path: Path) -> None:
    registry = Registry(host="docker.io", mirrors=("m",))
    hosts = RegistryHosts(tmp_path, [registry])
    hosts.write()
    file = tmp_path / "docker.io" / "hosts.toml"
    async with hosts.importing("docker.io", "http://127.0.0.1:1/s/v2"):
        assert "http://127.0.0.1:1/s/v2" in file.read_text()
    assert file.read_text() == render_hosts(registry)


async def test_a_failed_pull_ends_its_route_too(tmp_path: Path) -> None:
    hosts = RegistryHosts(tmp_path, [])

    async def fail() -> None:
        async with hosts.importing("other.example", "http://127.0.0.1:1/s/v2"):
            assert (tmp_path / "other.example" / "hosts.toml").exists()
            raise RuntimeError("the pull fails")

    with pytest.raises(RuntimeError, match="the pull fails"):
        await fail()
    assert not (tmp_path / "other.example").exists()


@pytest.mark.parametrize("host", ["", "..", "a/b", "https://r.example", "r.example:", "-a", "_default", "a b"])
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(OperatorError, match="write its host name"):
        RegistryHosts(tmp_path, [Registry(host=host)])


def test_only_set_proxies_become_variables() -> None:
    settings = ImageSettings(https_proxy="http://p:3128", no_proxy="localhost")
    assert proxy_environment(settings) == {"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "localhost"}
    assert proxy_environment(ImageSettings()) == {}
