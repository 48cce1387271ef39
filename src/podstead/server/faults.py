"""Errors as Kubernetes Status replies; the one place where an error of any room becomes an HTTP code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podstead.errors import (
    DeadlineFault,
    NotFoundFault,
    OperatorError,
    PodsteadError,
    RuntimeFault,
    UnimplementedFault,
)
from podstead.k8s import core_v1 as v1
from podstead.k8s.text import printable
from podstead.server.messages import JSON, Headers, Response
from podstead.server.selectors import SelectorError

if TYPE_CHECKING:
    from podstead.server.resources import Resource

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    408: "Timeout",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    431: "BadRequest",
    500: "InternalError",
    501: "MethodNotAllowed",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""HTTP code to Status reason (meta/v1 StatusReason)."""


class ApiError(PodsteadError):
    """A request that is answered with a Status: `code` is the HTTP code, the text is its message."""

    def __init__(
        self, code: int, message: str, *, details: v1.StatusDetails | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details = details or v1.StatusDetails()
        self.headers = headers


def not_found(resource: Resource, name: str) -> ApiError:
    """Return the 404 of an object, in kubectl's words."""
    details = v1.StatusDetails(name=name, kind=resource.name)
    return ApiError(404, f'{resource.name} "{name}" not found', details=details)


def status_of(error: PodsteadError) -> v1.Status:
    """Return the Status that tells a client of this error; `details` is always there (kubectl panics without it).

    The text may quote a runtime or a registry, and clients print it as it is: it is escaped here (foundation 24).
    """
    code = code_of(error)
    return v1.Status(
        kind="Status",
        api_version="v1",
        metadata=v1.ListMeta(),
        status="Failure",
        message=printable(str(error)),
        reason=REASONS.get(code, "InternalError"),
        details=error.details if isinstance(error, ApiError) else v1.StatusDetails(),
        code=code,
    )


def code_of(error: PodsteadError) -> int:
    """Return the HTTP code: the client's, the operator's, the runtime's or our own fault, in this order of asking."""
    match error:
        case ApiError():
            return error.code
        case SelectorError() | OperatorError():
            return 400
        case NotFoundFault():
            return 404
        case DeadlineFault():
            return 504
        case UnimplementedFault():
            return 501
        case RuntimeFault(transient=True):
            return 503
        case _:
            return 500


def reply_to(error: PodsteadError) -> Response:
    """Return the error as a reply."""
    status = status_of(error)
    extra = error.headers if isinstance(error, ApiError) else ()
    return Response(
        status=status.code or 500, headers=(("content-type", JSON), *extra), body=msgspec.json.encode(status) + b"\n"
    )
