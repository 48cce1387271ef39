import pytest

from podstead.k8s import core_v1 as v1
from podstead.k8s.restart_rules import Restart, after_exit, after_kill, restart_policy


def pod(policy: str | None = None) -> v1.PodSpec:
    return v1.PodSpec(containers=(), restart_policy=policy)


def rule(action: str, operator: str, *codes: int) -> v1.ContainerRestartRule:
    exit_codes = v1.ContainerRestartRuleOnExitCodes(operator=operator, values=codes)
    return v1.ContainerRestartRule(action=action, exit_codes=exit_codes)


@pytest.mark.parametrize(
    ("of_pod", "own", "code", "follows"),
    [
        ("Always", None, 0, Restart.CONTAINER),
        (None, None, 0, Restart.CONTAINER),
        ("OnFailure", None, 0, Restart.NONE),
        ("OnFailure", None, 1, Restart.CONTAINER),
        ("Never", None, 1, Restart.NONE),
        ("Never", "Always", 0, Restart.CONTAINER),
        ("Always", "Never", 1, Restart.NONE),
        ("Always", "OnFailure", 0, Restart.NONE),
    ],
)
def test_a_containers_own_policy_goes_before_the_pods(
    of_pod: str | None, own: str | None, code: int, follows: Restart
) -> None:
    spec, container = pod(of_pod), v1.Container(name="c", restart_policy=own)
    assert after_exit(spec, container, code) is follows


@pytest.mark.parametrize(
    ("code", "follows"),
    [(42, Restart.CONTAINER), (43, Restart.ALL), (0, Restart.NONE), (1, Restart.NONE), (7, Restart.CONTAINER)],
)
def test_the_first_rule_that_matches_decides_and_else_the_policy(code: int, follows: Restart) -> None:
    rules = (
        rule("Restart", "In", 42, 7),
        rule("RestartAllContainers", "In", 42, 43),
        rule("Restart", "NotIn", 0, 1, 43),
    )
    container = v1.Container(name="c", restart_policy="Never", restart_policy_rules=rules)
    assert after_exit(pod("Always"), container, code) is follows


def test_rules_are_not_asked_about_what_the_agent_killed() -> None:
    rules = (rule("Restart", "NotIn", 0),)
    container = v1.Container(name="c", restart_policy="Never", restart_policy_rules=rules)
    assert after_kill(pod(), container) is Restart.NONE
    assert after_kill(pod("OnFailure"), v1.Container(name="c")) is Restart.CONTAINER


def test_the_policy_of_a_pod_that_says_nothing_is_always() -> None:
    assert restart_policy(pod(), v1.Container(name="c")) == "Always"
