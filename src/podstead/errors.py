"""Errors by who must act on them.

A manifest's author and the node's policy are answered with values (verdicts), not exceptions.
What remains: the operator who starts or asks the agent, the runtime, and our own mistakes (which are
plain Python exceptions and end one worker, never the agent).
"""

from __future__ import annotations

SELF_PROTECTION = "SelfProtection"
"""The reason of what would let a pod reach the agent's own house: said as such wherever it comes up."""
POLICY_VIOLATION = "PolicyViolation"
"""The reason of what the node's policy forbids, of a file as of a start."""
FORBIDDEN = frozenset({SELF_PROTECTION, POLICY_VIOLATION})
"""Reasons that stand for themselves: no step's failure is told in their place."""


class PodsteadError(Exception):
    """Base of every error that a user may see: its text is one sentence that says what to do."""


class OperatorError(PodsteadError):
    """The operator must act: a flag, a configuration file, a missing program, a directory in use."""


class RuntimeFault(PodsteadError):
    """The container runtime refused or could not be reached.

    `transient` means: nothing is wrong with the request, try again when the runtime is back.
    `reason` is a CamelCase word for events and waiting states.
    """

    def __init__(self, message: str, *, transient: bool = False, reason: str = "RuntimeError") -> None:
        super().__init__(message)
        self.transient = transient
        self.reason = reason


class NotFoundFault(RuntimeFault):
    """The runtime does not know the object."""


class NameReservedFault(RuntimeFault):
    """The name (with its attempt) is held by a call that is still under way or whose answer was lost."""


class DeadlineFault(RuntimeFault):
    """The call's time ran out; whether it took effect is unknown."""


class UnimplementedFault(RuntimeFault):
    """The runtime has no such call."""
