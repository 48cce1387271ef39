from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from podstead.admission.plan import plan_node, start_rank
from podstead.admission.ports import HostPort
from podstead.admission.values import NodeFacts, NodePlan, NodePod
from podstead.k8s import core_v1 as v1

from .pods import CRITICAL, key, node, pod, restarting, running, waiting


def reasons(plan: NodePlan) -> dict[str, str]:
    """By pod: why it waits (empty: it may), with a `-` in front where its effective content must not run."""
    return {
        one.name: ("-" if it.preempted else "") + (it.blocked.reason if it.blocked else "")
        for one, it in plan.decisions.items()
    }


def message(plan: NodePlan, name: str) -> str:
    blocked = plan.decisions[key(name)].blocked
    assert blocked is not None
    return blocked.message


def preempted(plan: NodePlan) -> dict[str, str]:
    return {victim.name: by.name for victim, by in plan.preempt.items()}


def test_pods_that_fit_are_admitted() -> None:
    plan = plan_node([running("a", pod((80,), cpu="1")), waiting("b", pod((81,), cpu="3"))], node())
    assert reasons(plan) == {"a": "", "b": ""}
    assert preempted(plan) == {}


def port(number: int, protocol: str | None = None, ip: str | None = None) -> v1.ContainerPort:
    return v1.ContainerPort(container_port=number, host_port=number, protocol=protocol, host_ip=ip)


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (port(80), port(80), True),
        (port(80), port(81), False),
        (port(80), port(80, "UDP"), False),
        (port(80, "TCP"), port(80), True),
        (port(80, ip="10.0.0.1"), port(80, ip="10.0.0.2"), False),
        (port(80, ip="10.0.0.1"), port(80, ip="10.0.0.1"), True),
        (port(80, ip="10.0.0.1"), port(80, ip="0.0.0.0"), True),
        (port(80, ip="10.0.0.1"), port(80), True),
        (port(80, ip="::"), port(80, ip="127.0.0.1"), True),
        (v1.ContainerPort(container_port=80), port(80), False),
    ],
)
def test_two_pods_cannot_bind_one_port(one: v1.ContainerPort, other: v1.ContainerPort, conflict: bool) -> None:
    for first, second in ((one, other), (other, one)):
        plan = plan_node([running("a", pod((first,))), waiting("b", pod((second,)))], node())
        assert reasons(plan) == {"a": "", "b": "NodePorts" if conflict else ""}


def test_a_pod_on_the_hosts_network_binds_its_container_ports() -> None:
    host = pod((v1.ContainerPort(container_port=3311),), host_network=True)
    plan = plan_node([running("mysql", host), waiting("other", pod((3311,)))], node())
    assert reasons(plan) == {"mysql": "", "other": "NodePorts"}
    assert message(plan, "other") == "host port *:3311/TCP is used by pod default/mysql"


def test_a_program_of_the_node_keeps_its_port() -> None:
    """A redirection wins over a listener: a new pod must not take the node's SSH, one that has the port keeps it."""
    here = node(listening=frozenset({HostPort(22, "TCP", ""), HostPort(53, "UDP", "127.0.0.53")}))
    ssh, dns, other = pod((22,)), pod((port(53, "UDP"),)), pod((port(53, "UDP", "192.0.2.1"), 23))
    own = pod((22,), host_network=True)  # what listens may be its own program; if not, its bind fails and says so
    asking = [waiting("ssh", ssh), waiting("dns", dns), waiting("other", other)]
    plan = plan_node(asking, here)
    assert reasons(plan) == {"ssh": "NodePorts", "dns": "NodePorts", "other": ""}
    assert reasons(plan_node([waiting("own", own)], here)) == {"own": ""}
    assert message(plan, "ssh") == "host port *:22/TCP is used by a program of the node: stop it, or choose another"
    edited = running("web", ssh, candidate=pod((22,), cpu="1"))
    assert plan_node([edited], here).decisions[key("web")].admitted
    assert plan_node([restarting("web", ssh)], here).decisions[key("web")].admitted
    moved = running("web", pod((23,)), candidate=ssh)
    assert not plan_node([moved], here).decisions[key("web")].admitted


def test_ports_of_sidecars_count_and_of_other_init_containers_do_not() -> None:
    def with_init(policy: str | None) -> v1.Pod:
        init = v1.Container(name="i", ports=(port(80),), restart_policy=policy)
        return pod(init_containers=(init,))

    for policy, expected in (("Always", "NodePorts"), (None, "")):
        plan = plan_node([running("a", with_init(policy)), waiting("b", pod((80,)))], node())
        assert reasons(plan)["b"] == expected


@pytest.mark.parametrize(
    ("content", "reason", "text"),
    [
        (pod(cpu="2500m"), "OutOfcpu", "requests 2500m of cpu, 2000m of the node's 4000m are free"),
        (pod(memory="3584Mi"), "OutOfmemory", "requests 3584Mi of memory, 3072Mi of the node's 4096Mi are free"),
    ],
)
def test_what_does_not_fit_waits_with_the_numbers(content: v1.Pod, reason: str, text: str) -> None:
    plan = plan_node([running("a", pod(cpu="2", memory="1Gi")), waiting("b", content)], node())
    assert reasons(plan) == {"a": "", "b": reason}
    assert text in message(plan, "b")


def test_resources_that_the_node_does_not_name_are_not_limited() -> None:
    content = pod()
    extended = v1.Container(name="g", resources=v1.ResourceRequirements(requests={"example.com/gpu": "8"}))
    content = v1.Pod(metadata=content.metadata, spec=v1.PodSpec(containers=(extended,)))
    assert reasons(plan_node([waiting("a", content)], node())) == {"a": ""}


def test_a_node_takes_so_many_pods_and_no_more() -> None:
    pods = [running("a", pod()), waiting("b", pod(), created_at=2.0), waiting("c", pod(), created_at=1.0)]
    plan = plan_node(pods, node(max_pods=2))
    assert reasons(plan) == {"a": "", "b": "OutOfpods", "c": ""}
    assert plan_node(pods, node(max_pods=2)) == plan_node(pods[::-1], node(max_pods=2))


def test_the_higher_priority_then_the_older_gets_what_is_left() -> None:
    older, younger, higher = (
        waiting("older", pod((80,)), created_at=1.0),
        waiting("younger", pod((80,)), created_at=2.0),
        waiting("higher", pod((80,), priority=5), created_at=3.0),
    )
    assert reasons(plan_node([younger, older], node())) == {"older": "", "younger": "NodePorts"}
    assert reasons(plan_node([younger, older, higher], node()))["higher"] == ""
    assert sorted([younger, older, higher], key=start_rank) == [higher, older, younger]


def test_what_runs_stays_whatever_the_node_has_become() -> None:
    pods = [running("a", pod((80,), cpu="8", node_selector={"gone": "1"})), running("b", pod((80,), memory="64Gi"))]
    assert reasons(plan_node(pods, node(max_pods=1))) == {"a": "", "b": ""}


def test_last_good_comes_back_before_anything_new_and_without_asking_labels() -> None:
    back = restarting("back", pod((80,), node_selector={"gone": "1"}), created_at=9.0)
    new = waiting("new", pod((80,), priority=1000), created_at=1.0)
    assert reasons(plan_node([new, back], node())) == {"back": "", "new": "NodePorts"}


def test_after_a_reboot_on_a_smaller_machine_the_important_come_back() -> None:
    pods = [restarting("low", pod(cpu="2")), restarting("high", pod(cpu="3", priority=10))]
    plan = plan_node(pods, node())
    assert reasons(plan) == {"high": "", "low": "-OutOfcpu"}


def test_one_that_lost_its_place_does_not_take_that_of_a_lost_sandbox() -> None:
    preempted_before = restarting("high", pod((80,), priority=10), preempted=True)
    lost_sandbox = restarting("low", pod((80,)))
    assert reasons(plan_node([preempted_before, lost_sandbox], node())) == {"low": "", "high": "-NodePorts"}


def test_a_port_is_handed_over_only_when_it_is_free() -> None:
    old = running("old", pod((80,)), terminating=True)
    new = waiting("new", pod((80,)))
    plan = plan_node([old, new], node())
    assert reasons(plan) == {"new": "NodePorts"}
    assert message(plan, "new") == "host port *:80/TCP is used by pod default/old, which is stopping"
    assert reasons(plan_node([new], node())) == {"new": ""}


def test_a_new_incarnation_waits_for_the_ports_of_its_own_past() -> None:
    old, new = running("a", pod((80,)), terminating=True), waiting("a", pod((80,)))
    for pods in ([old, new], [new, old]):
        plan = plan_node(pods, node())
        assert reasons(plan) == {"a": "NodePorts"}
        assert message(plan, "a") == "host port *:80/TCP is used by pod default/a, which is stopping"


def edit(name: str, old: v1.Pod, new: v1.Pod) -> NodePod:
    return replace(running(name, old), candidate=new, images_present=True)


def test_an_edit_may_use_the_place_of_what_it_replaces() -> None:
    assert reasons(plan_node([edit("a", pod((80,), cpu="3"), pod((80,), cpu="4"))], node(max_pods=1))) == {"a": ""}


def test_an_edit_that_does_not_fit_waits_and_the_old_one_runs() -> None:
    plan = plan_node([running("a", pod((80,))), edit("b", pod((81,)), pod((80,)))], node())
    assert reasons(plan) == {"a": "", "b": "NodePorts"}
    assert not plan.decisions[key("b")].preempted


def test_an_edit_holds_the_old_place_and_the_new_until_the_old_is_gone() -> None:
    moving = edit("a", pod((80,), cpu="3"), pod((81,), cpu="1"))
    wants = [waiting("b", pod((80,))), waiting("c", pod((81,))), waiting("d", pod(cpu="2"))]
    assert reasons(plan_node([moving, *wants], node())) == {
        "a": "",
        "b": "NodePorts",
        "c": "NodePorts",
        "d": "OutOfcpu",
    }
    promoted = running("a", pod((81,), cpu="1"), leaving=(pod((80,), cpu="3"),))
    assert reasons(plan_node([promoted, *wants], node())) == {
        "a": "",
        "b": "NodePorts",
        "c": "NodePorts",
        "d": "OutOfcpu",
    }
    assert reasons(plan_node([running("a", pod((81,), cpu="1")), *wants], node())) == {
        "a": "", "b": "", "c": "NodePorts", "d": "",
    }  # fmt: skip


def test_a_candidate_that_fits_where_the_effective_content_does_not() -> None:
    pods = [running("a", pod((80,))), NodePod(key=key("b"), effective=pod((80,)), candidate=pod((81,)))]
    assert reasons(plan_node(pods, node())) == {"a": "", "b": "-"}


def test_only_critical_pods_preempt_and_only_lower_ones() -> None:
    low = running("low", pod((80,), priority=CRITICAL - 1))
    for priority, expected in ((CRITICAL - 1, {}), (CRITICAL, {"low": "vip"})):
        plan = plan_node([low, waiting("vip", pod((80,), priority=priority))], node())
        assert preempted(plan) == expected
        assert reasons(plan) == {"low": "-Preempted" if expected else "", "vip": "NodePorts"}
    peer = running("peer", pod((80,), priority=CRITICAL))
    assert preempted(plan_node([peer, waiting("vip", pod((80,), priority=CRITICAL))], node())) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"images_present": False}, "OutOfcpu"),
        ({"candidate": pod(cpu="4", priority=CRITICAL, preemption_policy="Never")}, "OutOfcpu"),
        ({"candidate": pod(cpu="4", priority=CRITICAL, node_selector={"disk": "ssd"})}, "NodeAffinity"),
        ({"candidate": pod(cpu="5", priority=CRITICAL)}, "OutOfcpu"),
    ],
    ids=["no image", "policy Never", "not for this node", "not even alone"],
)
def test_nobody_is_stopped_for_a_pod_that_could_not_start_then(change: dict[str, Any], reason: str) -> None:
    vip = replace(waiting("vip", pod(cpu="4", priority=CRITICAL)), **change)
    plan = plan_node([running("low", pod(cpu="1")), vip], node())
    assert preempted(plan) == {}
    assert reasons(plan) == {"low": "", "vip": reason}
    assert plan.decisions[key("vip")].wants_images is (change == {"images_present": False})


def test_preemption_from_the_first_look_to_the_return() -> None:
    low, vip = pod((80,), cpu="3"), pod((80,), cpu="3", priority=CRITICAL)
    facts = node()
    asks = waiting("vip", vip)

    first = plan_node([running("low", low), asks], facts)
    assert (preempted(first), reasons(first)) == ({"low": "vip"}, {"low": "-Preempted", "vip": "NodePorts"})
    assert message(first, "vip").endswith("; pod default/low makes room")
    stopping = plan_node([running("low", low, preempted=True), asks], facts)
    assert (preempted(stopping), reasons(stopping)) == (preempted(first), reasons(first))
    stopped = plan_node([restarting("low", low, preempted=True), asks], facts)
    assert reasons(stopped) == {"low": "-Preempted", "vip": ""}
    promoted = plan_node([restarting("low", low, preempted=True), restarting("vip", vip, images_present=True)], facts)
    assert reasons(promoted) == {"low": "-NodePorts", "vip": ""}
    runs = plan_node([restarting("low", low, preempted=True), running("vip", vip)], facts)
    assert (preempted(runs), reasons(runs)) == ({}, {"low": "-NodePorts", "vip": ""})
    back = plan_node([restarting("low", low, preempted=True), running("vip", vip, terminating=True)], facts)
    assert reasons(back) == {"low": "-NodePorts"}
    assert reasons(plan_node([restarting("low", low, preempted=True)], facts)) == {"low": ""}


def test_nobody_else_takes_the_room_that_a_critical_pod_waits_for() -> None:
    pods = [running("low", pod(cpu="3")), waiting("vip", pod(cpu="4", priority=CRITICAL)), waiting("new", pod(cpu="1"))]
    plan = plan_node(pods, node())
    assert preempted(plan) == {"low": "vip"}
    assert reasons(plan) == {"low": "-Preempted", "vip": "OutOfcpu", "new": "OutOfcpu"}


def test_a_critical_pod_waits_for_one_that_goes_anyway_and_stops_no_other() -> None:
    pods = [
        running("going", pod(cpu="3"), terminating=True),
        running("low", pod(cpu="1")),
        waiting("vip", pod(cpu="3", priority=CRITICAL)),
    ]
    plan = plan_node(pods, node())
    assert preempted(plan) == {}
    assert reasons(plan) == {"low": "", "vip": "OutOfcpu"}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"small": ("1", 0, 1.0), "large": ("3", 5, 1.0)}, {"large"}),
        ({"old": ("2", 0, 1.0), "young": ("2", 0, 2.0)}, {"young"}),
        ({"high": ("2", 9, 1.0), "low": ("2", 0, 1.0)}, {"low"}),
        ({"one": ("1", 0, 1.0), "two": ("1", 0, 2.0), "three": ("1", 0, 3.0)}, {"three"}),
    ],
    ids=["no superfluous small one", "the youngest", "the lowest", "one is enough"],
)
def test_the_victims_are_few_and_unimportant(others: dict[str, tuple[str, int, float]], expected: set[str]) -> None:
    held = [running(name, pod(cpu=cpu, priority=p), created_at=at) for name, (cpu, p, at) in others.items()]
    plan = plan_node([*held, waiting("vip", pod(cpu="2", priority=CRITICAL))], node())
    assert set(preempted(plan)) == expected


def test_a_victim_that_stops_already_is_not_swapped_for_another() -> None:
    held = [running("a", pod(cpu="2", priority=1), preempted=True), running("b", pod(cpu="2"))]
    plan = plan_node([*held, waiting("vip", pod(cpu="2", priority=CRITICAL))], node())
    assert preempted(plan) == {"a": "vip"}


def test_a_critical_edit_makes_room_too_and_leaves_the_old_one_running() -> None:
    vip = edit("vip", pod(cpu="1", priority=CRITICAL), pod(cpu="3", priority=CRITICAL))
    plan = plan_node([running("low", pod(cpu="2")), vip], node())
    assert preempted(plan) == {"low": "vip"}
    assert reasons(plan) == {"low": "-Preempted", "vip": "OutOfcpu"}


def sysctl(name: str, **spec: Any) -> v1.Pod:
    context = v1.PodSecurityContext(sysctls=(v1.Sysctl(name=name, value="1"),))
    return pod(security_context=context, **spec)


@pytest.mark.parametrize(
    ("content", "allowed", "word"),
    [
        (sysctl("net.ipv4.tcp_syncookies"), (), ""),
        (sysctl("net/ipv4/tcp_syncookies"), (), ""),
        (sysctl("kernel.shm_rmid_forced"), (), ""),
        (sysctl("net.core.somaxconn"), (), "not in the safe set"),
        (sysctl("net.core.somaxconn"), ("net.core.somaxconn",), ""),
        (sysctl("net.core.somaxconn"), ("net.core.*",), ""),
        (sysctl("net.core.somaxconn"), ("net.ipv4.*",), "not in the safe set"),
        (sysctl("kernel.msgmax"), ("kernel/msg*",), ""),
        (sysctl("vm.swappiness"), ("vm.*",), "whole node"),
        (sysctl("net.ipv4.tcp_syncookies", host_network=True), (), "hostNetwork"),
        (sysctl("kernel.shm_rmid_forced", host_ipc=True), (), "hostIPC"),
        (sysctl("kernel.shm_rmid_forced", host_network=True), (), ""),
    ],
)
def test_sysctls(content: v1.Pod, allowed: tuple[str, ...], word: str) -> None:
    plan = plan_node([waiting("a", content)], node(allowed_unsafe_sysctls=allowed))
    assert reasons(plan) == {"a": "SysctlForbidden" if word else ""}
    if word:
        assert word in message(plan, "a")


def affinity(*terms: v1.NodeSelectorTerm) -> v1.Pod:
    required = v1.NodeSelector(node_selector_terms=terms)
    return pod(
        affinity=v1.Affinity(
            node_affinity=v1.NodeAffinity(required_during_scheduling_ignored_during_execution=required)
        )
    )


def term(key_: str, operator: str, *values: str) -> v1.NodeSelectorTerm:
    return v1.NodeSelectorTerm(
        match_expressions=(v1.NodeSelectorRequirement(key=key_, operator=operator, values=values),)
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pod(node_selector={"kubernetes.io/hostname": "node1", "kubernetes.io/arch": "amd64"}), ""),
        (pod(node_selector={"kubernetes.io/arch": "arm64"}), "NodeAffinity"),
        (pod(node_selector={"disk": "ssd"}), "NodeAffinity"),
        (pod(os=v1.PodOS(name="linux")), ""),
        (pod(os=v1.PodOS(name="windows")), "PodOSNotSupported"),
        (pod(labels={"kubernetes.io/os": "windows"}), "PodOSSelectorNodeLabelDoesNotMatch"),
        (affinity(term("n", "In", "6", "7")), ""),
        (affinity(term("n", "In", "6")), "NodeAffinity"),
        (affinity(term("n", "In", "6"), term("n", "Exists")), ""),
        (affinity(term("n", "NotIn", "7")), "NodeAffinity"),
        (affinity(term("missing", "NotIn", "7")), ""),
        (affinity(term("missing", "DoesNotExist")), ""),
        (affinity(term("n", "DoesNotExist")), "NodeAffinity"),
        (affinity(term("n", "Gt", "6")), ""),
        (affinity(term("n", "Gt", "7")), "NodeAffinity"),
        (affinity(term("n", "Lt", "8")), ""),
        (affinity(term("missing", "Lt", "8")), "NodeAffinity"),
        (affinity(term("n", "Like", "7")), "NodeAffinity"),
        (affinity(v1.NodeSelectorTerm()), "NodeAffinity"),
        (affinity(v1.NodeSelectorTerm(match_fields=term("metadata.name", "In", "node1").match_expressions)), ""),
    ],
)
def test_placement(content: v1.Pod, reason: str) -> None:
    assert reasons(plan_node([waiting("a", content)], node())) == {"a": reason}


def test_no_pods_no_plan() -> None:
    facts: NodeFacts = node()
    assert plan_node([], facts) == NodePlan(decisions={})
