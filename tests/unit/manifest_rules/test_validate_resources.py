"""Rules of resources."""

from __future__ import annotations

from typing import Any

import pytest

from .rules import DUPLICATE, FORBIDDEN, INVALID, NOT_FOUND, REQUIRED, UNSUPPORTED, C, Case, check, title

R = f"{C}.resources"
P = "spec.containers[0].resources"


def lists(limits: dict[str, str], requests: dict[str, str]) -> dict[str, Any]:
    return {"limits": limits, "requests": requests}


def policy(resource: str, restart: str) -> dict[str, str]:
    return {"resourceName": resource, "restartPolicy": restart}


RESIZE = f"{C}.resizePolicy"
Z = "spec.containers[0].resizePolicy"

RESOURCES: list[Case] = [
    (
        [(RESIZE, [policy("cpu", "NotRequired"), policy("memory", "RestartContainer")])],
        [(RESIZE, [policy("disk", "NotRequired")])],
        f"{Z}[0].resourceName",
        UNSUPPORTED,
    ),
    (
        [(RESIZE, [policy("cpu", "RestartContainer")])],
        [(RESIZE, [policy("cpu", "Sometimes")])],
        f"{Z}[0].restartPolicy",
        UNSUPPORTED,
    ),
    (
        [(RESIZE, [policy("cpu", "NotRequired")])],
        [(RESIZE, [policy("cpu", "NotRequired"), policy("cpu", "NotRequired")])],
        f"{Z}[1].resourceName",
        DUPLICATE,
    ),
    (
        [("spec.restartPolicy", "Never"), (RESIZE, [policy("cpu", "NotRequired")])],
        [("spec.restartPolicy", "Never"), (RESIZE, [policy("cpu", "RestartContainer")])],
        f"{Z}[0].restartPolicy",
        FORBIDDEN,
    ),
    (
        [(R, lists({"example.org/gpu": "1"}, {}))],
        [(R, lists({"gpu": "1"}, {}))],
        f"{P}.limits[gpu]",
        INVALID,
    ),
    ([(R, lists({}, {"cpu": ".5"}))], [(R, lists({}, {"cpu": "half"}))], f"{P}.requests[cpu]", INVALID),
    ([(R, lists({"memory": "0"}, {}))], [(R, lists({"memory": "-1"}, {}))], f"{P}.limits[memory]", INVALID),
    (
        [(R, lists({"cpu": "1"}, {"cpu": "1000m"}))],
        [(R, lists({"cpu": "1"}, {"cpu": "1001m"}))],
        f"{P}.requests[cpu]",
        INVALID,
    ),
    (
        [(R, lists({"a.b/c": "1"}, {"a.b/c": "1"}))],
        [(R, lists({}, {"a.b/c": "1"}))],
        f"{P}.limits[a.b/c]",
        REQUIRED,
    ),
    (
        [],
        [(R, lists({"a.b/c": "2"}, {"a.b/c": "1"}))],
        f"{P}.requests[a.b/c]",
        INVALID,
    ),
    ([], [(R, lists({"a.b/c": "0.5"}, {}))], f"{P}.limits[a.b/c]", INVALID),
    (
        [(R, lists({"hugepages-2Mi": "4Mi", "cpu": "1"}, {}))],
        [(R, lists({"hugepages-2Mi": "4Mi"}, {}))],
        P,
        FORBIDDEN,
    ),
    (
        [],
        [(R, lists({"hugepages-2Mi": "3Mi", "cpu": "1"}, {}))],
        f"{P}.limits[hugepages-2Mi]",
        INVALID,
    ),
    (
        [],
        [(R, lists({"hugepages-big": "3Mi", "cpu": "1"}, {}))],
        f"{P}.limits[hugepages-big]",
        INVALID,
    ),
    ([], [(R, {"claims": [{"name": "gpu"}]})], f"{P}.claims[0].name", NOT_FOUND),
    (
        [("spec.resources", lists({"cpu": "1"}, {}))],
        [("spec.resources", lists({"ephemeral-storage": "1"}, {}))],
        "spec.resources.limits[ephemeral-storage]",
        UNSUPPORTED,
    ),
    ([], [("spec.resources", {"claims": [{"name": "gpu"}]})], "spec.resources.claims", FORBIDDEN),
    (
        [("spec.resources", lists({}, {"cpu": "200m"}))],
        [("spec.resources", lists({}, {"cpu": "199m"}))],
        "spec.resources.requests[cpu]",
        INVALID,
    ),
    (
        [("spec.resources", lists({"cpu": "2"}, {})), (R, lists({"cpu": "2"}, {}))],
        [("spec.resources", lists({"cpu": "2"}, {})), (R, lists({"cpu": "3"}, {"cpu": "1"}))],
        f"{P}.limits[cpu]",
        INVALID,
    ),
    (
        [],
        [("spec.resources", lists({"cpu": "1"}, {"cpu": "2"}))],
        "spec.resources.requests[cpu]",
        INVALID,
    ),
    ([("spec.overhead", {"cpu": "1"})], [("spec.overhead", {"cpu": "-1"})], "spec.overhead[cpu]", INVALID),
]


@pytest.mark.parametrize("one", RESOURCES, ids=title)
def test_a_rule_of_resources(one: Case) -> None:
    check(one)
