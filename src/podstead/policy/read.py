"""A policy file read: bytes in, a `Policy` or every reason against it out, each with its place.

Everything is strict here: an unknown field, a duplicate key or a name that nothing has is an error, for a policy that says
less than its author thinks is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.manifest.armour import Limits, RefusedError
from podstead.manifest.decode import decode
from podstead.manifest.documents import documents
from podstead.manifest.findings import Code, Finding, messages_of, shown
from podstead.manifest.reading import Message, Severity
from podstead.manifest.schema import Form, Shape
from podstead.manifest.tree import Mapping, Scalar
from podstead.policy import document as doc
from podstead.policy.compile import Compiler

if TYPE_CHECKING:
    from podstead.manifest.tree import Node
    from podstead.policy.values import Policy

API_VERSION = "podstead.io/v1"
KIND = "NodePolicy"
NODE_POLICY = Shape(form=Form.OBJECT, struct=doc.NodePolicy)
LIMITS = Limits()
_HEAD = {"apiVersion", "kind", "name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReading:
    """The policy of a file, None when it is refused; messages beside a policy are warnings."""

    policy: Policy | None
    messages: tuple[Message, ...] = ()


def read_policy(data: bytes, limits: Limits = LIMITS) -> PolicyReading:
    """Return the policy that a file's bytes are. Never raises, whatever the bytes."""
    try:
        found = documents(data, limits)
    except RefusedError as refused:
        return _refused(refused.message, refused.line, refused.column)
    if not found:
        return _refused("the policy file is empty: write what is allowed, or remove the file to have no policy", 0, 0)
    if len(found) > 1:
        line, column = found[1].root.line, found[1].root.column
        return _refused("a policy file holds one document: join what this one says to the first", line, column)
    root = found[0].root
    if (head := _check_head(root)) or not isinstance(root, Mapping):
        return PolicyReading(policy=None, messages=messages_of(head, strict=True))
    decoded = decode(root, NODE_POLICY)
    findings = list(decoded.findings)
    policy = None
    if not decoded.failed:
        compiler = Compiler(decoded.places)
        policy = compiler.policy(msgspec.convert(decoded.value, doc.NodePolicy))
        findings += compiler.findings
    if not findings and not set(decoded.value) - _HEAD:
        text = (
            "the policy says nothing: give it podSecurity, exemptions, rules, images, hostPaths, priorities or signers"
        )
        findings.append(Finding(code=Code.INVALID, field="", text=text, line=root.line, column=root.column))
    messages = messages_of(findings, strict=True)
    wrong = any(message.severity is Severity.ERROR for message in messages)
    return PolicyReading(policy=None if wrong else policy, messages=messages)


def _refused(text: str, line: int, column: int) -> PolicyReading:
    message = Message(line=line, column=column, field="", severity=Severity.ERROR, message=text)
    return PolicyReading(policy=None, messages=(message,))


def _check_head(root: Node) -> tuple[Finding, ...]:
    """Return what keeps a document from being a policy at all."""
    if not isinstance(root, Mapping):
        text = f"a map is due here: write apiVersion: {API_VERSION}, kind: {KIND}, and what is allowed"
        return (Finding(code=Code.INVALID, field="", text=text, line=root.line, column=root.column),)
    given = {key.text: value for key, value in root.entries}
    findings = []
    for name, due in (("apiVersion", API_VERSION), ("kind", KIND)):
        value = given.get(name)
        if value is None:
            told = f"write {name}: {due}"
            findings.append(Finding(code=Code.REQUIRED, field=name, text=told, line=root.line, column=root.column))
        elif not isinstance(value, Scalar) or value.text != due:
            what = shown(value.text) if isinstance(value, Scalar) else "this"
            told = f"{what} is no {KIND}: write {name}: {due}"
            findings.append(Finding(code=Code.INVALID, field=name, text=told, line=value.line, column=value.column))
    return tuple(findings)
