"""The table of everything the API serves: verb, path, who answers, and what the caller must be allowed.

Authorization is visible on this one screen; a test fails on a route without an access.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from podstead.server.access import Access
from podstead.server.faults import ApiError
from podstead.server.resources import EVENTS, NAMESPACES, NODES, PODS
from podstead.server.routing import Route

if TYPE_CHECKING:
    from podstead.server.handlers.agent import AgentHandlers
    from podstead.server.handlers.containers import ContainerHandlers
    from podstead.server.handlers.objects import ObjectHandlers
    from podstead.server.handlers.operations import OperationHandlers
    from podstead.server.handlers.system import SystemHandlers
    from podstead.server.handlers.trust import TrustHandlers
    from podstead.server.messages import Reply, Request
    from podstead.server.routing import PathValues

OWN = "/apis/podstead.io/v1alpha1"
NAMESPACE = "/api/v1/namespaces/{namespace}"
OWN_POD = f"{OWN}/namespaces/{{namespace}}/pods/{{name}}"


def build_routes(
    system: SystemHandlers,
    objects: ObjectHandlers,
    containers: ContainerHandlers,
    agent: AgentHandlers,
    operations: OperationHandlers,
    trust: TrustHandlers,
) -> tuple[Route, ...]:
    """Return the table; the first matching line answers."""

    async def refuse_pod_write(request: Request, path: PathValues) -> Reply:  # noqa: ARG001 - a route's signature
        where = agent.directory() or "the manifest directory"
        raise ApiError(
            405,
            f"static pods are changed by their file: add, edit or remove the manifest in {where} "
            f"instead of {request.method}",
            headers=(("allow", "GET"),),
        )

    return (
        # Health tells nothing about the node's pods.
        Route("GET", "/healthz", system.alive, Access.HEALTH),
        Route("GET", "/livez", system.alive, Access.HEALTH),
        Route("GET", "/readyz", system.ready, Access.HEALTH),
        Route("GET", "/version", system.version, Access.HEALTH),
        # Discovery.
        Route("GET", "/api", system.core_versions, Access.READ),
        Route("GET", "/apis", system.groups, Access.READ),
        Route("GET", "/api/v1", system.core_resources, Access.READ),
        Route("GET", "/apis/podstead.io", system.own_group, Access.READ),
        Route("GET", OWN, system.own_resources, Access.READ),
        # Kubernetes' objects.
        Route("GET", "/api/v1/pods", partial(objects.list_or_watch, PODS), Access.READ),
        Route("GET", f"{NAMESPACE}/pods", partial(objects.list_or_watch, PODS), Access.READ),
        Route("GET", f"{NAMESPACE}/pods/{{name}}", partial(objects.get, PODS), Access.READ),
        Route("GET", f"{NAMESPACE}/pods/{{name}}/status", partial(objects.get, PODS), Access.READ),
        Route("GET", f"{NAMESPACE}/pods/{{name}}/log", containers.log, Access.LOGS),
        Route("GET", f"{NAMESPACE}/pods/{{name}}/exec", containers.exec, Access.EXEC),
        Route("GET", "/api/v1/nodes", partial(objects.list_or_watch, NODES), Access.READ),
        Route("GET", "/api/v1/nodes/{name}", partial(objects.get, NODES), Access.READ),
        Route("GET", "/api/v1/namespaces", partial(objects.list_or_watch, NAMESPACES), Access.READ),
        Route("GET", "/api/v1/namespaces/{name}", partial(objects.get, NAMESPACES), Access.READ),
        Route("GET", "/api/v1/events", partial(objects.list_or_watch, EVENTS), Access.READ),
        Route("GET", f"{NAMESPACE}/events", partial(objects.list_or_watch, EVENTS), Access.READ),
        Route("GET", f"{NAMESPACE}/events/{{name}}", partial(objects.get, EVENTS), Access.READ),
        Route("GET", "/api/v1/services", objects.services, Access.READ),
        Route("GET", f"{NAMESPACE}/services", objects.services, Access.READ),
        # The manifest directory is the truth: pods are never changed from here.
        Route("POST", f"{NAMESPACE}/pods", refuse_pod_write, Access.ADMIN),
        Route("DELETE", f"{NAMESPACE}/pods", refuse_pod_write, Access.ADMIN),
        Route("PUT", f"{NAMESPACE}/pods/{{name}}", refuse_pod_write, Access.ADMIN),
        Route("PATCH", f"{NAMESPACE}/pods/{{name}}", refuse_pod_write, Access.ADMIN),
        Route("DELETE", f"{NAMESPACE}/pods/{{name}}", refuse_pod_write, Access.ADMIN),
        *_ours(agent),
        *_operations(operations),
        *_trust(trust),
    )


def _operations(operations: OperationHandlers) -> tuple[Route, ...]:
    """Return what concerns one pod's revisions and its life."""
    return (
        Route("GET", OWN_POD, operations.pod, Access.READ),
        Route("GET", f"{OWN_POD}/revisions", operations.revisions, Access.READ),
        # The bytes hold the values of env: whoever may read them may as well read the file.
        Route("GET", f"{OWN_POD}/revisions/{{revision}}", operations.manifest, Access.ADMIN),
        Route("POST", f"{OWN_POD}/rollback", operations.roll_back, Access.ADMIN),
        Route("POST", f"{OWN_POD}/restart", operations.restart, Access.ADMIN),
        Route("POST", f"{OWN_POD}/stop", operations.stop, Access.ADMIN),
        Route("POST", f"{OWN_POD}/start", operations.start, Access.ADMIN),
        Route("POST", f"{OWN_POD}/delete", operations.delete, Access.ADMIN),
        Route("POST", f"{OWN}/apply", operations.apply, Access.ADMIN),
    )


def _trust(trust: TrustHandlers) -> tuple[Route, ...]:
    """Return what concerns the node's trust: what is on record, and root's word about it."""
    return (
        Route("GET", f"{OWN}/trust", trust.show, Access.READ),
        Route("POST", f"{OWN}/trust/floor", trust.floor, Access.ADMIN),
        Route("POST", f"{OWN}/trust/mode", trust.mode, Access.ADMIN),
        Route("POST", f"{OWN}/trust/signers", trust.signers, Access.ADMIN),
        Route("GET", f"{OWN}/allowances", trust.allowances, Access.READ),
        Route("POST", f"{OWN}/allowances", trust.allow, Access.ADMIN),
        Route("DELETE", f"{OWN}/allowances/{{name}}", trust.end, Access.ADMIN),
    )


def _ours(agent: AgentHandlers) -> tuple[Route, ...]:
    """Return what concerns the node: its files, its state, its images."""
    return (
        Route("GET", f"{OWN}/files", agent.files, Access.READ),
        Route("GET", f"{OWN}/files/{{name}}", agent.files, Access.READ),
        *_local_objects(agent),
        Route("GET", f"{OWN}/status", agent.status, Access.READ),
        Route("GET", f"{OWN}/images", agent.images, Access.READ),
        Route("POST", f"{OWN}/images/pull", agent.pull_image, Access.ADMIN),
        Route("POST", f"{OWN}/images/import", agent.import_image, Access.ADMIN),
        Route("DELETE", f"{OWN}/images/{{name}}", agent.remove_image, Access.ADMIN),
        Route("POST", f"{OWN}/stop-all", agent.stop_all, Access.ADMIN),
        Route("POST", f"{OWN}/accept-directory", agent.accept_directory, Access.ADMIN),
    )


def _local_objects(agent: AgentHandlers) -> tuple[Route, ...]:
    """Return where the node's ConfigMaps and Secrets are told of, without their data."""
    return tuple(
        Route("GET", path, answer, Access.READ)
        for name, answer in (("configmaps", agent.config_maps), ("secrets", agent.secrets))
        for path in (
            f"{OWN}/{name}",
            f"{OWN}/namespaces/{{namespace}}/{name}",
            f"{OWN}/namespaces/{{namespace}}/{name}/{{name}}",
        )
    )
