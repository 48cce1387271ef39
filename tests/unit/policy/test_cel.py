"""Rules in CEL: expressions as Kubernetes' policies write them, what they come to, and what no rule can do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from podstead.policy.cel.engine import CelError, Engine, Gives
from podstead.policy.cel.ruleset import RuleSet
from podstead.policy.rules import Action
from tests.unit.policy.pods import NOW, controls, judge, manifest, policy, signed

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mysql", "namespace": "default", "labels": {"app": "mysql"}},
    "spec": {
        "hostNetwork": True,
        "priority": 2_000_001_000,
        "containers": [
            {
                "name": "mysql",
                "image": "mysql:5.7",
                "ports": [{"containerPort": 3306, "hostPort": 3306}],
                "resources": {"limits": {"memory": "1Gi", "cpu": "500m"}},
                "securityContext": {"runAsUser": 999},
            },
            {"name": "side", "image": "registry.example.com/team/side"},
        ],
    },
}
SCOPE = {"object": POD, "oldObject": None, "request": {"name": "mysql"}, "variables": {"n": 2, "text": "héllo"}}
PASS = "(fails)"

CASES: tuple[tuple[str, object], ...] = (
    ("object.spec.containers.all(c, c.image.size() > 0)", True),
    ("object.spec.containers.exists(c, c.image.startsWith('registry.example.com/'))", True),
    ("object.spec.containers.exists_one(c, c.name == 'side')", True),
    ("object.spec.containers.filter(c, has(c.ports)).map(c, c.name)", ["mysql"]),
    ("object.spec.containers.map(c, has(c.ports), c.name)", ["mysql"]),
    ("has(object.spec.securityContext)", False),
    ("!has(object.spec.hostPID) || !object.spec.hostPID", True),
    ("'app' in object.metadata.labels && object.metadata.labels['app'] == 'mysql'", True),
    ("object.metadata.labels.all(k, k.startsWith('a'))", True),
    ("object.spec.containers[0].resources.limits.memory", "1Gi"),
    ("object.spec.priority > 1000", True),
    ("size(object.spec.containers) == 2", True),
    ("object.spec.containers[0].image.matches('^mysql:[0-9.]+$')", True),
    ("object.spec.containers[0].image.matches('sql')", True),
    ("object.spec.nope == 1", PASS),
    ("object.spec.nope == 1 || true", True),
    ("true || object.spec.nope == 1", True),
    ("false && object.spec.nope == 1", False),
    ("object.spec.containers.exists(c, c.ports.size() == 1)", True),
    ("object.spec.containers.all(c, c.ports.size() == 1)", PASS),
    ("object.spec.hostNetwork ? 'yes' : 'no'", "yes"),
    ("[1, 2].all(i, v, i < v)", True),
    ("object.metadata.labels.all(k, v, k == v.replace('mysql', 'app'))", True),
    ("object.metadata.labels.transformList(k, v, k + '=' + v)", ["app=mysql"]),
    ("'%s has %d of %.1f'.format([object.metadata.name, 2, 3.0])", "mysql has 2 of 3.0"),
    ("type(variables.n) == int && type(1.5) == double && type('') == string", True),
    ("oldObject == null", True),
    ("object.spec == null", False),
    ("dyn(1) == 1.0", True),
    ("1u + 2u == 3u", True),
    ("variables.n > 2.5", False),
    ("9223372036854775807 + variables.n", PASS),
    ("1 / (variables.n - 2)", PASS),
    ("variables.text.size()", 5),
    ("string(variables.n) + 'x'", "2x"),
    ("int('12') + 1", 13),
    ("[1,2] + [3] == [1,2,3]", True),
    ("{'a':1}.a", 1),
    ("duration('1h') > duration('30m')", True),
    ("timestamp('2026-01-01T00:00:00Z') < timestamp('2027-01-01T00:00:00Z')", True),
    (r"r'\d' == '\\d'", True),
    ("-7 % 3", -1),
    ("-7 / 2", -3),
    ("b'abc'.size()", 3),
    ("object.spec.?securityContext.?runAsUser.orValue(0)", 0),
    ("object.spec.containers[0].?securityContext.?runAsUser.orValue(0)", 999),
    ("object.spec.?securityContext.hasValue()", False),
    ("object.metadata.labels[?'app'].orValue('')", "mysql"),
    ("optional.none().orValue(1)", 1),
    ("object.spec.containers.map(c, c.?securityContext.?privileged.orValue(false)).exists(x, x)", False),
    ("'a,b'.split(',')", ["a", "b"]),
    ("'MySQL'.lowerAscii()", "mysql"),
    ("'abc'.replace('b','x')", "axc"),
    ("'abc'.substring(1)", "bc"),
    ("['a','b'].join('-')", "a-b"),
    ("'abc'.indexOf('c')", 2),
    ("' a '.trim()", "a"),
    ("'%s has %d'.format(['x', 3])", "x has 3"),
    ("quantity('1Gi').isLessThan(quantity('2Gi'))", True),
    ("quantity(object.spec.containers[0].resources.limits.memory).isGreaterThan(quantity('1G'))", True),
    ("isQuantity('1Gi') && !isQuantity('1 GiB')", True),
    ("quantity('1000m').compareTo(quantity('1')) == 0 && quantity('1000m') == quantity('1')", True),
    ("quantity('1').add(quantity('500m')).sub(1).asApproximateFloat()", 0.5),
    ("quantity('2k').asInteger()", 2000),
    ("quantity('500m').isInteger()", False),
    ("isIP('10.0.0.1') && !isIP('10.0.0') && ip('10.0.0.1').family() == 4", True),
    ("ip('::1').isLoopback()", True),
    ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", True),
    ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').prefixLength() == 8", True),
    ("url('https://x.example:80/p?q=1').getHost()", "x.example:80"),
    ("url('https://x.example:80/p?q=1').getPort() + url('/p?q=1').getQuery()['q'][0]", "801"),
    ("isURL('https://x') && !isURL('x y')", True),
    ("'abc123'.find('[0-9]+')", "123"),
    ("'a1b2'.findAll('[0-9]') == ['1','2'] && 'a1b2'.findAll('[0-9]', 1) == ['1']", True),
    ("['c','a'].isSorted()", False),
    ("[1,2].sum() + [3,1].max() + [3,1].min()", 7),
    ("[].max()", PASS),
    ("[1,2,1].indexOf(1) + [1,2,1].lastIndexOf(1)", 2),
    ("sets.contains([1,2],[1]) && sets.intersects([1],[1,2]) && sets.equivalent([1,1],[1])", True),
    ("cel.bind(x, 3, x + x)", 6),
    ("math.greatest(1, 2)", 2),
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.mark.parametrize(("text", "due"), CASES)
def test_an_expression_means_what_it_means_in_kubernetes(engine: Engine, text: str, due: object) -> None:
    program = engine.compile(text, Gives.ANYTHING)
    if due == PASS:
        with pytest.raises(CelError):
            engine.evaluate(program, SCOPE)
    else:
        assert engine.evaluate(program, SCOPE) == due


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("object.spec.all(c", "of the expression: Syntax error"),
        ("nothing.x == 1", "nothing.x is not known here: known are object"),
        ("params.x == 1", "there is no API server to ask"),
        ("authorizer.group('')", "there is no API server to ask"),
        ("1 + 'a' == 2", "no matching overload"),
        ("[1, 2].all(i, i < k)", "is not known here"),
        ("'text'", "must come to true or false, and comes to string"),
        ("(" * 100 + "true" + ")" * 100, "nests too deeply"),
        ("'" + "x" * 20_000 + "' == ''", "longer than 16384 characters"),
    ],
)
def test_what_cannot_be_compiled_says_why(engine: Engine, text: str, says: str) -> None:
    with pytest.raises(CelError, match=says.replace("(", r"\(")):
        engine.compile(text, Gives.TRUTH)


LIST = f"[{','.join(['1'] * 100)}]"


@pytest.mark.attack("expression-bomb")
@pytest.mark.parametrize(
    "text",
    [
        f"{LIST}.all(a, {LIST}.all(b, {LIST}.all(c, a == 1)))",
        f"{LIST}.map(a, {LIST}.map(b, {LIST}.map(c, a))).size() > 0",
        f"{LIST}.exists(a, {LIST}.filter(b, {LIST}.exists(c, c == 2)).size() > 0)",
    ],
)
def test_a_bomb_of_comprehensions_is_stopped(engine: Engine, text: str) -> None:
    program, began = engine.compile(text, Gives.TRUTH), time.thread_time()
    with pytest.raises(CelError, match="more than 10,000 steps"):
        engine.evaluate(program, SCOPE)
    assert time.thread_time() - began < 2


RULE = """rules:
- name: owned
  matchConditions:
  - {name: default, expression: request.namespace == 'default'}
  variables:
  - {name: names, expression: 'object.spec.containers.map(c, c.name)'}
  - {name: broken, expression: object.spec.nope.deeper}
  - {name: short, expression: 'variables.names.filter(n, n.size() < 2)'}
  validations:
  - expression: variables.short.size() == 0
    messageExpression: "'names are too short: ' + variables.short.join(', ')"
    reason: Invalid
  auditAnnotations:
  - {key: names, valueExpression: "variables.names.join(',')"}
"""


def test_a_rule_judges_with_variables_that_are_evaluated_when_they_are_named() -> None:
    (pod,) = judge(manifest(), policy(RULE)).pods
    assert [one.breach.problem for one in pod.standing] == ["names are too short: c"]
    assert pod.annotations == (("owned/names", "c"),)
    assert not judge(manifest(container={"name": "long"}), policy(RULE)).refused


def test_a_rule_is_for_pods_that_meet_its_conditions() -> None:
    assert not judge(manifest(namespace="other"), policy(RULE)).refused


def test_an_exemption_names_a_rule() -> None:
    text = f"{RULE}exemptions:\n- {{name: e, pods: [default/mysql], controls: [Rule owned], reason: r, until: 2027-01-01}}\n"
    text += "signers: [{principals: [dba@example.com], pods: [default/*]}]\n"
    assert controls(judge(manifest(), policy(text))) == {"Rule owned"}
    assert not judge(manifest(), policy(text), signed()).refused


@pytest.mark.parametrize(("failure", "refused"), [("Fail", True), ("Ignore", False)])
def test_what_cannot_be_evaluated_refuses_unless_the_rule_says_otherwise(failure: str, refused: bool) -> None:
    text = RULE.replace("variables.short.size() == 0", "variables.broken == 1") + f"  failurePolicy: {failure}\n"
    found = judge(manifest(), policy(text))
    assert found.refused is refused
    if refused:
        assert "variables.broken cannot be: the pod has no nope" in found.messages[0].message


def test_a_rule_may_only_warn() -> None:
    found = judge(manifest(), policy(f"{RULE}  validationActions: [Warn]\n"))
    assert not found.refused
    assert [message.severity for message in found.messages] == ["warning"]


def test_a_message_never_tells_what_is_secret() -> None:
    text = """rules:
- name: leak
  validations:
  - expression: "object.spec.containers.all(c, c.env.all(e, e.value != 'hunter2-canary'))"
    messageExpression: >-
      object.spec.containers[0].env[0].value + object.spec.containers[0].command[0]
      + object.spec.containers[0].livenessProbe.httpGet.httpHeaders[0].value
  - expression: "{'a': 1}[object.spec.containers[0].env[0].value] == 1"
  - expression: "int(object.spec.containers[0].env[0].value) == 1"
  auditAnnotations:
  - {key: a, valueExpression: 'object.spec.containers[0].env[0].value'}
"""
    probe = {"httpGet": {"port": 1, "httpHeaders": [{"name": "A", "value": "hunter2-canary"}]}}
    container = {
        "env": [{"name": "A", "value": "hunter2-canary"}],
        "command": ["hunter2-canary"],
        "livenessProbe": probe,
    }
    found = judge(manifest(container=container), policy(text))
    assert len(found.messages) == 3
    assert "(hidden)(hidden)(hidden)" in found.messages[2].message or any(
        "(hidden)" in m.message for m in found.messages
    )
    assert "hunter2" not in repr(found)


def test_faults_of_rules_have_their_place_in_the_policy() -> None:
    text = """rules:
- name: r
  variables:
  - {name: late, expression: variables.early}
  - {name: early, expression: '1'}
  validations:
  - expression: object.nope(
  - expression: "true"
    messageExpression: "1"
"""
    problems = RuleSet(policy(text)).problems
    assert [(p.line, p.field) for p in problems] == [
        (6, "rules[0].variables[0].expression"),
        (9, "rules[0].validations[0].expression"),
        (11, "rules[0].validations[1].messageExpression"),
    ]


def test_rules_see_who_signed() -> None:
    text = (
        "rules: [{name: r, validations: [{expression: \"request.signed && request.signer == 'dba@example.com'\"}]}]\n"
    )
    assert judge(manifest(), policy(text), now=NOW).refused
    assert not judge(manifest(), policy(text), signed()).refused


def test_actions_are_those_of_kubernetes() -> None:
    assert [*Action] == ["Deny", "Warn", "Audit"]
