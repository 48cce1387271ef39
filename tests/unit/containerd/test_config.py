from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from podstead.containerd.config import ContainerdConfig, check_socket_path, render_config
from podstead.errors import OperatorError

CRI = "io.containerd.grpc.v1.cri"
IMAGES = "io.containerd.cri.v1.images"
RUNTIME = "io.containerd.cri.v1.runtime"


def config(
    root: str, *, restrict: bool = False, systemd: bool = False, containerd: tuple[int, int] = (1, 6)
) -> ContainerdConfig:
    base = Path(root)
    return ContainerdConfig(
        containerd=containerd,
        root=base / "root",
        state=base / "state",
        socket=base / "c.sock",
        opt=base / "opt",
        cni_conf=base / "net.d",
        cni_plugins=Path("/usr/lib/cni"),
        certs=base / "certs.d",
        sandbox_image="podstead.invalid/pause:1",
        runtimes=(("crun", Path("/usr/bin/crun")), ("runc", Path("/usr/sbin/runc"))),
        default_runtime="crun",
        restrict_oom_score_adj=restrict,
        systemd_cgroup=systemd,
    )


def leaves(value: object, path: str = "") -> dict[str, object]:
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return {name: one for key, below in value.items() for name, one in leaves(below, f"{path}/{key}").items()}
    return {path: value}


def test_the_configuration_says_what_it_should() -> None:
    read = tomllib.loads(render_config(config("/r", restrict=True)))
    cri = read["plugins"][CRI]
    assert read["version"] == 2
    assert read["grpc"]["address"] == "/r/c.sock"
    assert read["ttrpc"]["address"] == "/r/c.sock.ttrpc"
    assert cri["sandbox_image"] == "podstead.invalid/pause:1"
    assert (cri["stream_server_address"], cri["stream_server_port"]) == ("127.0.0.1", "0")
    assert (cri["netns_mounts_under_state_dir"], cri["restrict_oom_score_adj"]) == (True, True)
    assert cri["max_container_log_line_size"] == 16384
    assert cri["registry"] == {"config_path": "/r/certs.d"}
    assert cri["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/r/net.d"}
    assert cri["containerd"]["default_runtime_name"] == "crun"
    assert cri["containerd"]["runtimes"] == {
        name: {
            "runtime_type": "io.containerd.runc.v2",
            "options": {"BinaryName": binary, "Root": f"/r/state/{name}", "SystemdCgroup": False},
        }
        for name, binary in (("crun", "/usr/bin/crun"), ("runc", "/usr/sbin/runc"))
    }


def test_a_newer_containerd_finds_the_same_in_the_tables_of_version_3() -> None:
    old, new = (tomllib.loads(render_config(config("/r", containerd=version))) for version in ((2, 0), (2, 1)))
    assert (old["version"], new["version"]) == (2, 3)
    cri, images, runtime = (new["plugins"][name] for name in (CRI, IMAGES, RUNTIME))
    assert cri == {"stream_server_address": "127.0.0.1", "stream_server_port": "0"}
    assert images == {
        "snapshotter": "overlayfs",
        "pinned_images": {"sandbox": "podstead.invalid/pause:1"},
        "registry": {"config_path": "/r/certs.d"},
    }
    assert runtime["cni"] == {"bin_dirs": ["/usr/lib/cni"], "conf_dir": "/r/net.d"}
    assert runtime["containerd"].pop("runtimes") == old["plugins"][CRI]["containerd"]["runtimes"]
    assert runtime["containerd"] == {"default_runtime_name": "crun"}
    same = ("netns_mounts_under_state_dir", "max_container_log_line_size", "restrict_oom_score_adj")
    assert [runtime[name] for name in same] == [old["plugins"][CRI][name] for name in same]
    assert {name: old[name] for name in old if name not in {"version", "plugins"}} == {
        name: new[name] for name in new if name not in {"version", "plugins"}
    }


@pytest.mark.parametrize(("version", "plugin"), [((1, 6), CRI), ((2, 1), RUNTIME)])
def test_every_runtime_has_the_nodes_cgroup_driver(version: tuple[int, int], plugin: str) -> None:
    cri = tomllib.loads(render_config(config("/r", systemd=True, containerd=version)))["plugins"][plugin]
    runtimes = cri["containerd"]["runtimes"].values()
    assert [runtime["options"]["SystemdCgroup"] for runtime in runtimes] == [True, True]
    assert cri["disable_hugetlb_controller"] is False


@pytest.mark.parametrize(("version", "plugin"), [((1, 6), CRI), ((2, 1), RUNTIME)])
def test_mends_are_not_the_default(version: tuple[int, int], plugin: str) -> None:
    read = tomllib.loads(render_config(config("/r", containerd=version)))
    assert read["plugins"][plugin]["restrict_oom_score_adj"] is False


@pytest.mark.parametrize("version", [(1, 6), (2, 1)])
def test_two_instances_share_no_path_but_programs(version: tuple[int, int]) -> None:
    one, two = (leaves(tomllib.loads(render_config(config(root, containerd=version)))) for root in ("/one", "/two"))
    same = {value for key, value in one.items() if two[key] == value and isinstance(value, str) and "/" in value}
    assert same == {"/usr/bin/crun", "/usr/sbin/runc", "/usr/lib/cni", "podstead.invalid/pause:1"}


def test_plugins_that_cri_needs_are_never_disabled() -> None:
    disabled = tomllib.loads(render_config(config("/r")))["disabled_plugins"]
    assert not [name for name in disabled if "snapshotter" not in name or "overlayfs" in name]


@pytest.mark.parametrize("root", ['/with "quotes"', "/with\\backslash", "/ünï", "/new\nline"])
def test_paths_of_any_characters_survive(root: str) -> None:
    read = tomllib.loads(render_config(config(root)))
    assert read["root"] == f"{root}/root"


def test_a_socket_path_may_have_104_bytes_with_its_suffix() -> None:
    longest = Path("/" + "s" * (104 - len(".ttrpc") - 1))
    check_socket_path(longest)
    with pytest.raises(OperatorError, match="1 more; choose a shorter --root-dir"):
        check_socket_path(Path(f"{longest}s"))
    with pytest.raises(OperatorError, match="51 more"):
        check_socket_path(Path("/" + "ü" * 74))  # bytes count, not characters
