"""One pod of the agent, as the commands that change what it runs see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from podstead.cli.answers import decode
from podstead.cli.client import OWN, ApiRefusedError, segment
from podstead.cli.namespaces import DEFAULT_NAMESPACE, explain_missing
from podstead.cli.resources import PODS, pod_name
from podstead.k8s import core_v1 as v1
from podstead.server.operations import PodReport

if TYPE_CHECKING:
    from podstead.cli.client import AgentClient, Query
    from podstead.cli.options import Given


class _Sentence(msgspec.Struct):
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod by what was typed; `hint` says that no namespace was, so that one may be told."""

    client: AgentClient
    namespace: str
    name: str
    hint: bool = False

    @property
    def path(self) -> str:
        """Where our own API has it."""
        return f"{OWN}/namespaces/{segment(self.namespace)}/pods/{segment(self.name)}"

    @property
    def words(self) -> str:
        """How a command line names it."""
        return self.name if self.namespace == DEFAULT_NAMESPACE else f"-n {self.namespace} {self.name}"

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}"

    def report(self) -> PodReport:
        """Return which revision it runs; raises ApiRefusedError where there is none."""
        return decode(self.get(), PodReport)

    def get(self, below: str = "", query: Query = (), accept: str = "application/json") -> bytes:
        """Return what the agent says of it."""
        try:
            return self.client.get(f"{self.path}{below}", query, accept)
        except ApiRefusedError as error:
            raise self._explained(error) from error

    def order(self, what: str, **body: str) -> str:
        """Ask the agent to do something with it and return its sentence."""
        try:
            answer = self.client.send("POST", f"{self.path}/{what}", json.dumps(body).encode() if body else None)
        except ApiRefusedError as error:
            raise self._explained(error) from error
        return decode(answer, _Sentence).message

    def delete(self) -> bytes:
        """Take it out of its file, and return the agent's answer."""
        try:
            return self.client.send("POST", f"{self.path}/delete")
        except ApiRefusedError as error:
            raise self._explained(error) from error

    def object(self) -> v1.Pod:
        """Return it as Kubernetes' API has it."""
        return decode(self.client.get(PODS.path(self.namespace, self.name)), v1.Pod)

    def _explained(self, error: ApiRefusedError) -> ApiRefusedError:
        missing = error.code == 404 and "not found" in str(error)
        return explain_missing(self.client, self.name, error) if missing and self.hint else error


def pod_of(client: AgentClient, given: Given, word: str) -> Pod:
    """Return the pod that a word means."""
    namespace = given.value("namespace") or DEFAULT_NAMESPACE
    return Pod(client=client, namespace=namespace, name=pod_name(word), hint="namespace" not in given.values)
