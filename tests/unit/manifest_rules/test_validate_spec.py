"""Rules of spec."""

from __future__ import annotations

from typing import Any

import pytest

from .rules import FORBIDDEN, INVALID, REQUIRED, SC, TOO_LONG, UNSUPPORTED, C, Case, Edit, check, title

TOLERATION = "spec.tolerations"
AFFINITY = "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution"
NODE_TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
PREFERRED_PODS = "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"


def tolerate(**more: object) -> Edit:
    return (TOLERATION, [more])


def term(*expressions: dict[str, Any]) -> Edit:
    return (NODE_TERMS, [{"matchExpressions": list(expressions)}])


SPEC: list[Case] = [
    ([("spec.restartPolicy", "Never")], [("spec.restartPolicy", "No")], "spec.restartPolicy", UNSUPPORTED),
    ([("spec.dnsPolicy", "Default")], [("spec.dnsPolicy", "Host")], "spec.dnsPolicy", UNSUPPORTED),
    (
        [("spec.activeDeadlineSeconds", 2**31 - 1)],
        [("spec.activeDeadlineSeconds", 0)],
        "spec.activeDeadlineSeconds",
        INVALID,
    ),
    (
        [("spec.dnsPolicy", "None"), ("spec.dnsConfig", {"nameservers": ["::1"]})],
        [("spec.dnsPolicy", "None")],
        "spec.dnsConfig.nameservers",
        REQUIRED,
    ),
    (
        [("spec.dnsConfig.nameservers", ["1.1.1.1"] * 3)],
        [("spec.dnsConfig.nameservers", ["1.1.1.1"] * 4)],
        "spec.dnsConfig.nameservers",
        INVALID,
    ),
    ([], [("spec.dnsConfig.nameservers", ["dns"])], "spec.dnsConfig.nameservers[0]", INVALID),
    (
        [("spec.dnsConfig.searches", ["a.example."] * 32)],
        [("spec.dnsConfig.searches", ["a.example."] * 33)],
        "spec.dnsConfig.searches",
        INVALID,
    ),
    (
        [("spec.dnsConfig.searches", ["a" * 250] * 8)],
        [("spec.dnsConfig.searches", ["a" * 250] * 9)],
        "spec.dnsConfig.searches",
        INVALID,
    ),
    (
        [("spec.dnsConfig.searches", [".", "_tcp.example"])],
        [("spec.dnsConfig.searches", ["a b"])],
        "spec.dnsConfig.searches[0]",
        INVALID,
    ),
    (
        [("spec.dnsConfig.options", [{"name": "ndots", "value": "2"}])],
        [("spec.dnsConfig.options", [{"value": "2"}])],
        "spec.dnsConfig.options[0].name",
        REQUIRED,
    ),
    ([("spec.hostname", "a-b")], [("spec.hostname", "a.b")], "spec.hostname", INVALID),
    ([("spec.subdomain", "a-b")], [("spec.subdomain", "a.b")], "spec.subdomain", INVALID),
    ([("spec.hostnameOverride", "a.b")], [("spec.hostnameOverride", "A")], "spec.hostnameOverride", INVALID),
    (
        [("spec.hostnameOverride", "a" * 64)],
        [("spec.hostnameOverride", "a" * 65)],
        "spec.hostnameOverride",
        TOO_LONG,
    ),
    ([], [("spec.hostnameOverride", "a"), ("spec.hostNetwork", True)], "spec.hostnameOverride", FORBIDDEN),
    ([], [("spec.hostnameOverride", "a"), ("spec.setHostnameAsFQDN", True)], "spec.hostnameOverride", FORBIDDEN),
    (
        [("spec.hostAliases", [{"ip": "10.0.0.1", "hostnames": ["a.b"]}])],
        [("spec.hostAliases", [{"ip": "db", "hostnames": ["a"]}])],
        "spec.hostAliases[0].ip",
        INVALID,
    ),
    (
        [],
        [("spec.hostAliases", [{"ip": "::1", "hostnames": ["a_b"]}])],
        "spec.hostAliases[0].hostnames[0]",
        INVALID,
    ),
    (
        [tolerate(operator="Exists", effect="NoExecute", tolerationSeconds=5)],
        [tolerate(value="x")],
        "spec.tolerations[0].operator",
        INVALID,
    ),
    ([tolerate(key="a.b/c", value="d")], [tolerate(key="-", value="d")], "spec.tolerations[0].key", INVALID),
    ([], [tolerate(key="a", operator="Exists", value="b")], "spec.tolerations[0].value", INVALID),
    ([], [tolerate(key="a", value="b c")], "spec.tolerations[0].value", INVALID),
    ([], [tolerate(key="a", operator="In")], "spec.tolerations[0].operator", UNSUPPORTED),
    ([tolerate(key="a", effect="")], [tolerate(key="a", effect="Never")], "spec.tolerations[0].effect", UNSUPPORTED),
    ([], [tolerate(key="a", effect="NoSchedule", tolerationSeconds=5)], "spec.tolerations[0].effect", INVALID),
    ([("spec.nodeSelector.disk", "ssd")], [("spec.nodeSelector.disk", "s s")], "spec.nodeSelector[disk]", INVALID),
    (
        [("spec.readinessGates", [{"conditionType": "a.b/Ready"}])],
        [("spec.readinessGates", [{"conditionType": "a b"}])],
        "spec.readinessGates[0].conditionType",
        INVALID,
    ),
    ([], [("spec.schedulingGates", [{"name": "a"}])], "spec.schedulingGates", FORBIDDEN),
    (
        [("spec.priorityClassName", "system-node-critical")],
        [("spec.priorityClassName", "A")],
        "spec.priorityClassName",
        INVALID,
    ),
    ([("spec.runtimeClassName", "gvisor")], [("spec.runtimeClassName", "gVisor")], "spec.runtimeClassName", INVALID),
    (
        [
            (
                "spec.topologySpreadConstraints",
                [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
            )
        ],
        [
            (
                "spec.topologySpreadConstraints",
                [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
            )
        ],
        "spec.topologySpreadConstraints[0].maxSkew",
        INVALID,
    ),
    (
        [],
        [("spec.topologySpreadConstraints", [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "No"}])],
        "spec.topologySpreadConstraints[0].whenUnsatisfiable",
        UNSUPPORTED,
    ),
    (
        [(AFFINITY, [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}])],
        [(AFFINITY, [{"topologyKey": ""}])],
        f"{AFFINITY}[0].topologyKey",
        REQUIRED,
    ),
    (
        [],
        [(AFFINITY, [{"topologyKey": "z", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}])],
        f"{AFFINITY}[0].labelSelector.matchExpressions[0].operator",
        UNSUPPORTED,
    ),
    (
        [term({"key": "a", "operator": "Gt", "values": ["1"]})],
        [term({"key": "a", "operator": "Gt", "values": ["many"]})],
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        INVALID,
    ),
    (
        [term({"key": "a", "operator": "In", "values": ["1"]})],
        [term({"key": "a", "operator": "In"})],
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        REQUIRED,
    ),
    (
        [term({"key": "a", "operator": "Exists"})],
        [term({"key": "a", "operator": "Exists", "values": ["1"]})],
        f"{NODE_TERMS}[0].matchExpressions[0].values",
        FORBIDDEN,
    ),
    (
        [(NODE_TERMS, [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}])],
        [(NODE_TERMS, [{"matchFields": [{"key": "name", "operator": "In", "values": ["n"]}]}])],
        f"{NODE_TERMS}[0].matchFields[0].key",
        UNSUPPORTED,
    ),
    ([], [(NODE_TERMS, [])], NODE_TERMS, REQUIRED),
    (
        [(PREFERRED, [{"weight": 100, "preference": {}}])],
        [(PREFERRED, [{"weight": 101, "preference": {}}])],
        f"{PREFERRED}[0].weight",
        INVALID,
    ),
    (
        [(PREFERRED_PODS, [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "namespaces": ["a"]}}])],
        [(PREFERRED_PODS, [{"weight": 0, "podAffinityTerm": {"topologyKey": "zone"}}])],
        f"{PREFERRED_PODS}[0].weight",
        INVALID,
    ),
    (
        [],
        [(PREFERRED_PODS, [{"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "namespaces": ["A"]}}])],
        f"{PREFERRED_PODS}[0].podAffinityTerm.namespaces[0]",
        INVALID,
    ),
    (
        [("spec.os", {"name": "windows"}), ("spec.hostNetwork", True)],
        [("spec.os", {"name": "windows"}), ("spec.hostPID", True)],
        "spec.hostPID",
        FORBIDDEN,
    ),
    ([("spec.os", {"name": "linux"})], [("spec.os", {"name": "plan9"})], "spec.os.name", UNSUPPORTED),
    (
        [(f"{SC}.windowsOptions", {})],
        [("spec.os", {"name": "linux"}), (f"{SC}.windowsOptions", {})],
        "spec.securityContext.windowsOptions",
        FORBIDDEN,
    ),
    (
        [("spec.os", {"name": "windows"})],
        [("spec.os", {"name": "windows"}), (f"{C}.securityContext", {"privileged": False})],
        "spec.containers[0].securityContext.privileged",
        FORBIDDEN,
    ),
]


@pytest.mark.parametrize("one", SPEC, ids=title)
def test_a_rule_of_spec(one: Case) -> None:
    check(one)
