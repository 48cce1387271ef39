"""What the audit log is told of requests, and what never."""

from __future__ import annotations

import pytest

from podstead.server import acts
from podstead.server.access import Access
from podstead.server.messages import Caller, Request, Response
from podstead.server.routing import Match, Route
from podstead.state.audit import Act, Fact
from tests.support.canary import CANARY

ROOT = Caller(user="root", pid=7, uid=0, login_uid=1000)
OWN = "/apis/podstead.io/v1alpha1"
POD = f"{OWN}/namespaces/{{namespace}}/pods/{{name}}"


async def _never(*_: object) -> Response:
    """No handler is called."""
    raise AssertionError


def match(verb: str, path: str, access: Access = Access.ADMIN, /, **values: str) -> Match:
    return Match(Route(verb, path, _never, access), values)


@pytest.mark.parametrize(
    ("verb", "path", "values", "reason", "subject"),
    [
        ("POST", f"{POD}/rollback", {"namespace": "default", "name": "web"}, "RollBack", "default/web"),
        ("DELETE", f"{OWN}/images/{{name}}", {"name": "nginx:1"}, "RemoveImage", "nginx:1"),
        ("DELETE", f"{OWN}/allowances/{{name}}", {"name": "abc"}, "EndAllowance", "abc"),
        ("POST", f"{OWN}/allowances", {}, "Allow", "node"),
        ("POST", f"{OWN}/stop-all", {}, "StopAll", "node"),
        ("POST", f"{OWN}/new-thing", {}, "new-thing", "node"),
    ],
)
def test_an_operation_has_a_name_a_subject_and_who(
    verb: str, path: str, values: dict[str, str], reason: str, subject: str
) -> None:
    entry = acts.of_answer(
        Request(method=verb, path="/", caller=ROOT), Match(Route(verb, path, _never, Access.ADMIN), values), 200
    )
    assert entry is not None
    assert (entry.act, entry.reason, entry.subject) == (Act.OPERATION, reason, subject)
    assert entry.facts == {Fact.UID: 0, Fact.PID: 7, Fact.LOGIN_UID: 1000, Fact.OUTCOME: 200}
    assert entry.message == f"root asked for {reason}"


def test_of_a_manifest_its_digest_is_told_and_of_a_dry_run_nothing() -> None:
    body = f"password: {CANARY}".encode()
    wanted = match("POST", f"{OWN}/apply")
    entry = acts.of_answer(Request(method="POST", path="/", caller=ROOT, body=body), wanted, 409)
    assert entry is not None
    assert (entry.facts[Fact.SIZE], len(str(entry.facts[Fact.DIGEST]))) == (len(body), 64)
    assert entry.message == "root asked in vain for Apply"
    assert CANARY not in repr(entry)
    dry = Request(method="POST", path="/", caller=ROOT, query=(("dryRun", "true"),))
    assert acts.of_answer(dry, wanted, 200) is None


def test_of_a_command_its_first_word_and_length_are_told() -> None:
    query = (("command", "mysql"), ("command", f"-p{CANARY}"), ("container", "db"))
    request = Request(method="GET", path="/", caller=ROOT, query=query)
    entry = acts.of_answer(request, match("GET", "/x", Access.EXEC, namespace="default", name="db"), 101)
    assert entry is not None
    assert (entry.act, entry.reason, entry.subject) == (Act.EXEC, "Started", "default/db")
    assert (entry.facts[Fact.COMMAND], entry.facts[Fact.WORDS]) == ("mysql", 2)
    assert entry.facts[Fact.LENGTH] == len(f"mysql -p{CANARY}")
    assert CANARY not in repr(entry)


def test_reading_is_not_told_but_for_what_holds_passwords() -> None:
    request = Request(method="GET", path="/", caller=ROOT)
    assert acts.of_answer(request, match("GET", "/api/v1/pods", Access.READ), 200) is None
    entry = acts.of_answer(request, match("GET", f"{POD}/revisions/{{revision}}", revision="ab", name="x"), 200)
    assert entry is not None
    assert (entry.reason, entry.facts[Fact.REVISION]) == ("ReadRevision", "ab")


def test_who_is_turned_away_is_an_alarm() -> None:
    entry = acts.of_refusal(Caller(user="root", pid=9, uid=0, refusal="process 9 is inside a pod"))
    assert (entry.act, entry.is_alarm, entry.message) == (Act.DENIED, True, "process 9 is inside a pod")
