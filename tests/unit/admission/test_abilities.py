"""What a node cannot do for a pod is said before anything runs with less than it asked for."""

from __future__ import annotations

from typing import Any

import pytest

from podstead.admission.abilities import Abilities, lacking
from podstead.admission.plan import plan_node
from podstead.config.runtime import RuntimeClass
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import HandlerFeatures
from podstead.state.runtime_classes import RuntimeClasses, with_handlers
from tests.unit.admission.pods import key, node, pod, restarting, running, waiting

CLASSES = RuntimeClasses(
    classes=(
        RuntimeClass(name="slow", handler="kata", overhead=(("memory", "1Gi"),)),
        RuntimeClass(name="quick", handler="crun"),
    ),
    default_handler="crun",
)
PLAIN = Abilities(classes=CLASSES, handlers=(HandlerFeatures(name="crun"),))
STRICT = v1.PodSecurityContext(supplemental_groups_policy="Strict")
ARMOURED = v1.PodSecurityContext(app_armor_profile=v1.AppArmorProfile(type="RuntimeDefault"))


def reason(content: v1.Pod, able: Abilities = PLAIN) -> tuple[str, str]:
    blocked = lacking(content, able)
    return (blocked.reason, blocked.message) if blocked is not None else ("", "")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"limits": {"memory": "1Gi"}}, "container c has a limit of memory"),
        ({"limits": {"cpu": "1"}}, ""),
        ({"requests": {"memory": "1Gi"}}, ""),
        ({}, ""),
    ],
)
def test_a_limit_that_the_kernel_cannot_hold_is_refused(spec: dict[str, Any], words: str) -> None:
    container = v1.Container(name="c", resources=v1.ResourceRequirements(**spec))
    content = v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=v1.PodSpec(containers=(container,)))
    found, message = reason(content, Abilities(classes=CLASSES, missing_controllers=("memory", "pids")))
    assert found == ("CgroupControllerMissing" if words else "")
    assert words in message
    assert reason(content) == ("", "")
    if words:
        assert "cgroup_enable=memory" in message


def test_a_pods_own_limit_counts_too() -> None:
    content = pod(resources=v1.ResourceRequirements(limits={"cpu": "1"}))
    blind = Abilities(classes=CLASSES, missing_controllers=("cpu",))
    assert reason(content, blind)[1].startswith("the pod has a limit of cpu, and this machine's kernel runs without")


@pytest.mark.parametrize(
    ("spec", "expected", "words"),
    [
        ({"host_users": False}, "UserNamespacesNotSupported", "as root of the node"),
        ({"security_context": STRICT}, "SupplementalGroupsPolicyNotSupported", "write Merge"),
        ({"security_context": ARMOURED}, "AppArmor", "container c asks for an AppArmor profile"),
        ({"runtime_class_name": "kvm"}, "RuntimeClassNotFound", "no runtime class kvm: it has quick, slow"),
        ({"runtime_class_name": "slow"}, "RuntimeClassNotFound", "handler kata, which the runtime does not have: it"),
    ],
)
def test_what_is_missing_is_named(spec: dict[str, Any], expected: str, words: str) -> None:
    found, message = reason(pod(**spec))
    assert found == expected
    assert words in message


@pytest.mark.parametrize(
    "spec",
    [{}, {"host_users": True}, {"runtime_class_name": "quick"}, {"security_context": v1.PodSecurityContext()}],
)
def test_what_every_node_can(spec: dict[str, Any]) -> None:
    assert lacking(pod(**spec), PLAIN) is None


def test_what_a_better_node_can() -> None:
    can = HandlerFeatures(name="crun", user_namespaces=True)
    able = Abilities(apparmor=True, strict_groups=True, classes=CLASSES, handlers=(can,))
    for spec in ({"host_users": False}, {"security_context": STRICT}, {"security_context": ARMOURED}):
        assert lacking(pod(**spec), able) is None


def test_a_user_namespace_is_the_matter_of_the_pods_own_handler() -> None:
    handlers = (HandlerFeatures(name="crun", user_namespaces=True), HandlerFeatures(name="kata"))
    able = Abilities(classes=CLASSES, handlers=handlers)
    assert lacking(pod(host_users=False), able) is None
    assert reason(pod(host_users=False, runtime_class_name="slow"), able)[0] == "UserNamespacesNotSupported"


def test_a_runtime_that_does_not_tell_its_handlers_may_have_any() -> None:
    able = Abilities(classes=CLASSES)
    assert lacking(pod(runtime_class_name="slow"), able) is None
    assert reason(pod(host_users=False), able)[0] == "UserNamespacesNotSupported"


def test_handlers_are_classes_of_their_own_names() -> None:
    found = with_handlers(CLASSES, ("crun", "quick"))
    assert [(one.name, one.handler) for one in found.classes] == [
        ("slow", "kata"),
        ("quick", "crun"),
        ("crun", "crun"),
    ]
    assert found.handler(v1.PodSpec(containers=())) == "crun"
    assert found.handler(v1.PodSpec(containers=(), runtime_class_name="slow")) == "kata"
    assert found.handler(v1.PodSpec(containers=(), runtime_class_name="none")) is None
    assert reason(pod(runtime_class_name="any"), Abilities())[1].startswith(
        "this node has no runtime class any: it has none"
    )


def test_the_overhead_of_a_class_takes_room_unless_the_pod_states_its_own() -> None:
    facts = node(memory=2 << 30, abilities=Abilities(classes=CLASSES))
    asking = waiting("a", pod(memory="1500Mi", runtime_class_name="slow"))
    blocked = plan_node([asking], facts).decisions[key("a")].blocked
    assert blocked is not None
    assert blocked.message.startswith("the pod requests 2524Mi of memory")
    stated = waiting("a", pod(memory="1500Mi", runtime_class_name="slow", overhead={"memory": "1Mi"}))
    assert plan_node([stated], facts).decisions[key("a")].admitted


def test_new_content_waits_and_the_old_runs_on() -> None:
    edited = running("a", pod(), candidate=pod(host_users=False))
    plan = plan_node([edited], node(abilities=PLAIN))
    blocked = plan.decisions[key("a")].blocked
    assert blocked is not None
    assert (blocked.reason, plan.decisions[key("a")].preempted) == ("UserNamespacesNotSupported", False)


def test_what_was_admitted_before_comes_back() -> None:
    """Whether the runtime can still do it is asked when the sandbox is made."""
    assert plan_node([restarting("a", pod(host_users=False))], node(abilities=PLAIN)).decisions[key("a")].admitted
