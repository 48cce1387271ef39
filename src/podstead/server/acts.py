"""What the audit log is told of requests: commands in containers, changes, and who was turned away. Pure.

Of a command its first word and its length are told, of a manifest its digest: what else they hold may be secret.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from podstead.server.access import Access
from podstead.state.audit import Act, AuditEntry, Fact

if TYPE_CHECKING:
    from podstead.server.messages import Caller, Request
    from podstead.server.routing import Match, PathValues

SWITCHING = 101
"""A request that became a stream of its own: a command runs."""
NAMES = {
    "rollback": "RollBack",
    "restart": "Restart",
    "stop": "Stop",
    "start": "Start",
    "delete": "Delete",
    "apply": "Apply",
    "pull": "PullImage",
    "import": "ImportImage",
    "stop-all": "StopAll",
    "accept-directory": "AcceptDirectory",
    "floor": "GiveFloor",
    "mode": "LowerMode",
    "signers": "ChangeSigners",
    "allowances": "Allow",
    "revisions/{revision}": "ReadRevision",
    "images/{name}": "RemoveImage",
    "allowances/{name}": "EndAllowance",
}
"""What root asks for, by the end of the route; one that is missing is told by that end."""


def of_refusal(caller: Caller) -> AuditEntry:
    """Return what is told of a caller that may not come in."""
    return AuditEntry(
        act=Act.DENIED, subject=caller.user, reason="NotAtThisSocket", message=caller.refusal, facts=_who(caller)
    )


def of_answer(request: Request, match: Match, status: int) -> AuditEntry | None:
    """Return what is told of a request that was answered, None where it changed nothing and ran nothing."""
    route = match.route
    if route.access is Access.EXEC:
        return _exec(request, match.values, status)
    if route.access is not Access.ADMIN or request.parameter("dryRun") not in {None, "", "false"}:
        return None
    last = route.segments[-1]
    last = "/".join(route.segments[-2:]) if last.startswith("{") else last
    name = NAMES.get(last, last)
    facts = {**_who(request.caller), Fact.OUTCOME: status}
    if last == "apply":
        facts |= {Fact.DIGEST: hashlib.sha256(request.body).hexdigest(), Fact.SIZE: len(request.body)}
    if "revision" in match.values:
        facts[Fact.REVISION] = match.values["revision"]
    did = "asked for" if status < 300 else "asked in vain for"
    message = f"{request.caller.user} {did} {name}"
    return AuditEntry(act=Act.OPERATION, subject=_subject(match.values), reason=name, message=message, facts=facts)


def _exec(request: Request, values: PathValues, status: int) -> AuditEntry:
    command = request.parameters("command")
    first = command[0] if command else ""
    ran = status == SWITCHING
    message = f"{request.caller.user} {'runs' if ran else 'may not run'} a command in a container"
    return AuditEntry(
        act=Act.EXEC,
        subject=_subject(values),
        reason="Started" if ran else "Refused",
        message=message,
        facts={
            **_who(request.caller),
            Fact.CONTAINER: request.parameter("container") or "",
            Fact.COMMAND: first,
            Fact.WORDS: len(command),
            Fact.LENGTH: sum(map(len, command)) + max(0, len(command) - 1),
            Fact.OUTCOME: status,
        },
    )


def _subject(values: PathValues) -> str:
    if "namespace" in values:
        return f"{values['namespace']}/{values.get('name', '')}"
    return values.get("name", "node")


def _who(caller: Caller) -> dict[Fact, str | int]:
    found = {Fact.UID: caller.uid, Fact.PID: caller.pid or None, Fact.LOGIN_UID: caller.login_uid}
    return {name: value for name, value in found.items() if value is not None}
