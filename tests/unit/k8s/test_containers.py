from podstead.k8s import core_v1 as v1
from podstead.k8s.containers import all_containers, find_container, is_sidecar, standing_containers

SETUP = v1.Container(name="setup")
PROXY = v1.Container(name="proxy", restart_policy="Always")
MAIN = v1.Container(name="main")
SPEC = v1.PodSpec(init_containers=(SETUP, PROXY), containers=(MAIN,))


def test_init_containers_come_first() -> None:
    assert [c.name for c in all_containers(SPEC)] == ["setup", "proxy", "main"]


def test_only_a_restartable_init_container_is_a_sidecar() -> None:
    assert [c.name for c in SPEC.init_containers if is_sidecar(c)] == ["proxy"]


def test_what_stands_are_sidecars_and_regular_containers() -> None:
    assert [c.name for c in standing_containers(SPEC)] == ["proxy", "main"]


def test_any_sort_is_found_by_name() -> None:
    assert find_container(SPEC, "proxy") is PROXY
    assert find_container(SPEC, "main") is MAIN
    assert find_container(SPEC, "other") is None
