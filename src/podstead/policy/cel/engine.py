"""The CEL library behind a small interface: compile a text, evaluate it over values, and errors as sentences of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from podstead.errors import PodsteadError
from podstead.policy.cel.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = ("object", "oldObject", "request", "variables")
_LIBRARIES = ("bindings", "math", "optional", "strings", "two-var-comprehensions")
"""By their names as the engine itself knows them: the modules of `cel_expr_python.ext` each hold the whole engine again."""
MOST_CHARACTERS = 16 << 10
"""Of one expression; the longest of the catalogue of common policies has 2,000."""
_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([\w.]+)'")
_KEY = re.compile(r'Key not found in map : "(\w+)"')
_ABSENT = {"params", "namespaceObject", "authorizer"}
"""Variables of a ValidatingAdmissionPolicy for which an API server would have to be asked."""
_KNOWN_FAULTS = {
    "Iteration budget exceeded": "it takes more than 10,000 steps",
    "No matching overloads": "a value has another type than the expression expects of it",
    "divide by zero": "it divides by zero",
    "modulus by zero": "it divides by zero",
    "overflow": "a number is too large",
    "Index error": "a list has fewer items than the expression expects",
}


class Gives(StrEnum):
    """What an expression must come to."""

    TRUTH = "true or false"
    TEXT = "a text"
    ANYTHING = "anything"


_TYPES = {Gives.TRUTH: {"BOOL", "DYN"}, Gives.TEXT: {"STRING", "DYN"}}


class CelError(PodsteadError):
    """An expression that cannot be compiled or evaluated; the text never holds a value of the pod."""


class MissingEngineError(PodsteadError):
    """The CEL library is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A compiled expression."""

    text: str
    compiled: Any
    gives: Gives


class Engine:
    """Compiles and evaluates. Loading the library takes 20 ms and 10 MiB."""

    def __init__(self) -> None:
        try:
            from cel_expr_python import cel  # noqa: PLC0415 - 10 MiB, for policies with rules alone
        except ImportError as error:
            text = "the policy has rules, and cel-expr-python, which evaluates them, is not installed"
            raise MissingEngineError(text) from error
        self._env = cel.NewEnv(
            config=cel.NewEnvConfigFromYaml("extensions:\n" + "".join(f"- name: {name}\n" for name in _LIBRARIES)),
            variables=dict.fromkeys(VARIABLES, cel.Type.DYN),
            extensions=[cel.CelExtension("kubernetes", list(_declared(cel)))],
        )

    def compile(self, text: str, gives: Gives) -> Program:
        """Return the expression, ready to be evaluated. Raises CelError with its first fault."""
        if len(text) > MOST_CHARACTERS:
            raise CelError(f"is longer than {MOST_CHARACTERS} characters")
        try:
            compiled = self._env.compile(text)
        except Exception as error:  # noqa: BLE001 - the library's own type is RuntimeError, and it promises none
            raise CelError(_compile_fault(str(error))) from None
        given = compiled.return_type().name()
        if gives in _TYPES and given not in _TYPES[gives]:
            raise CelError(f"must come to {gives}, and comes to {given.lower()}")
        return Program(text=text, compiled=compiled, gives=gives)

    def evaluate(self, program: Program, data: Mapping[str, object]) -> Any:
        """Return what an expression comes to, as plain values. Raises CelError."""
        try:
            found = program.compiled.eval(data=dict(data))
            kind = found.type().name()
            value = str(found.value()) if kind == "ERROR" else found.plain_value()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise CelError(_run_fault(str(error), program.text)) from None
        if kind == "ERROR":
            raise CelError(_run_fault(value, program.text))
        if (program.gives is Gives.TRUTH and kind != "BOOL") or (program.gives is Gives.TEXT and kind != "STRING"):
            raise CelError(f"it does not come to {program.gives}")
        return value


def _declared(cel: Any) -> Any:
    """Yield our functions as the library declares them, all forms of one name together."""
    types = {
        "dyn": cel.Type.DYN,
        "string": cel.Type.STRING,
        "int": cel.Type.INT,
        "bool": cel.Type.BOOL,
        "double": cel.Type.DOUBLE,
        "list": cel.Type.List(cel.Type.DYN),
    }
    forms: dict[str, list[Any]] = {}
    for function in FUNCTIONS:
        takes = [types[name] for name in function.takes]
        label = f"k8s_{function.name.replace('.', '_')}_{'_'.join(function.takes)}"
        form = cel.Overload(label, types[function.gives], takes, function.method, function.call)
        forms.setdefault(function.name, []).append(form)
    for name, overloads in forms.items():
        yield cel.FunctionDecl(name, overloads)


def _compile_fault(text: str) -> str:
    """Return the library's complaint about an expression, with its place in it."""
    found = _PLACE.search(text)
    if found is None:
        return "nests too deeply" if "recursion limit" in text else "is no CEL expression"
    line, column, told = found.groups()
    told = told.replace(" (in container '')", "").rstrip()
    if (name := _UNDECLARED.search(told)) is not None:
        known = f"known are {', '.join(VARIABLES)} and functions"
        absent = name[1].partition(".")[0] in _ABSENT
        told = f"{name[1]} is not known here: {'there is no API server to ask' if absent else known}"
    return f"at {line}:{column} of the expression: {told}"


def _run_fault(text: str, expression: str) -> str:
    """Return a fault of an evaluation without the values that the library may have put into it."""
    if (key := _KEY.search(text)) is not None and re.search(rf"\b{key[1]}\b", expression):
        return f"the pod has no {key[1]}: ask with has(…) before, or write .?{key[1]}.orValue(…)"
    if "NOT_FOUND" in text:
        return "a field that it reads is not in the pod: ask with has(…) before"
    return next((told for part, told in _KNOWN_FAULTS.items() if part in text), "it cannot be evaluated for this pod")
