"""gRPC statuses become faults; the texts are those that runtimes send."""

from __future__ import annotations

import pytest

from podstead.cri.errors import TEXT_LIMIT, CallError, Code, fault, plain, pull_fault, registry_host
from podstead.errors import DeadlineFault, NameReservedFault, NotFoundFault, RuntimeFault, UnimplementedFault

IMAGE = "registry.example/team/app:1"


@pytest.mark.parametrize(
    ("code", "text", "kind", "transient"),
    [
        (Code.UNAVAILABLE, "connect failed: Connection refused", RuntimeFault, True),
        (Code.UNKNOWN, "server is not initialized yet", RuntimeFault, True),
        (Code.NOT_FOUND, 'an error occurred when try to find sandbox "x": not found', NotFoundFault, False),
        (
            Code.UNKNOWN,
            'failed to reserve sandbox name "a_b_c_0": name "a_b_c_0" is reserved for "123"',
            NameReservedFault,
            True,
        ),
        (Code.UNKNOWN, "error reserving pod name k8s_x: name is reserved", NameReservedFault, True),
        (Code.DEADLINE_EXCEEDED, "failed to exec in container: timeout 1s exceeded", DeadlineFault, True),
        (Code.UNIMPLEMENTED, "method GetContainerEvents not implemented", UnimplementedFault, False),
        (Code.UNKNOWN, "OCI runtime create failed: no such file", RuntimeFault, False),
        (Code.RESOURCE_EXHAUSTED, "grpc: trying to send message larger than max", RuntimeFault, False),
    ],
)
def test_statuses(code: Code, text: str, kind: type[RuntimeFault], transient: bool) -> None:
    found = fault(CallError(code, text), "do it", "SomeReason")
    assert type(found) is kind
    assert found.transient is transient
    assert str(found) == f"cannot do it: {text}"


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (Code.UNAVAILABLE, "gone", "RuntimeUnavailable"),
        (Code.UNKNOWN, "server is not initialized yet", "RuntimeUnavailable"),
        (Code.DEADLINE_EXCEEDED, "late", "DeadlineExceeded"),
        (Code.UNKNOWN, "no", "CreateContainerError"),
        (Code.NOT_FOUND, "no", "CreateContainerError"),
    ],
)
def test_reasons(code: Code, text: str, reason: str) -> None:
    assert fault(CallError(code, text), "do it", "CreateContainerError").reason == reason


def test_a_missing_program_is_not_a_missing_object() -> None:
    text = 'failed to create containerd task: exec: "/x": stat /x: no such file or directory: not found'
    assert type(fault(CallError(Code.UNKNOWN, text), "start it")) is RuntimeFault


def test_texts_are_made_harmless() -> None:
    hostile = "a\x1b[2J\n\u202e<script>"
    assert str(fault(CallError(Code.UNKNOWN, hostile), "do it")) == "cannot do it: a\\x1b[2J\\n\\u202e<script>"


def test_long_texts_keep_their_beginning_and_their_innermost_cause() -> None:
    found = plain("failed to create: " + "x" * 2000 + ": no space left")
    assert len(found) == TEXT_LIMIT
    assert found.startswith("failed to create: x")
    assert found.endswith("x: no space left")
    assert found.count("…") == 1
    assert plain("x" * TEXT_LIMIT) == "x" * TEXT_LIMIT


def test_a_status_without_text_is_named() -> None:
    assert str(fault(CallError(Code.ABORTED, ""), "do it")) == "cannot do it: ABORTED"


PREFIX = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '


@pytest.mark.parametrize(
    ("code", "text", "kind", "says"),
    [
        (Code.NOT_FOUND, f"{PREFIX}{IMAGE}: not found", NotFoundFault, "from registry.example: it has no such image"),
        (
            Code.UNKNOWN,
            f"{PREFIX}pulling from host registry.example failed with status code [manifests 1]: 401 Unauthorized",
            RuntimeFault,
            "from registry.example: it refuses us",
        ),
        (
            Code.UNKNOWN,
            (
                f'{PREFIX}failed to do request: Head "https://mirror.example:5000/v2/team/app/manifests/1": '
                "dial tcp 10.0.0.9:5000: connect: connection refused"
            ),
            RuntimeFault,
            "from mirror.example:5000: the connection was refused",
        ),
        (
            Code.UNKNOWN,
            (
                f'{PREFIX}failed to do request: Head "https://registry.example/v2/": dial tcp: '
                "lookup registry.example on 10.0.0.2:53: no such host"
            ),
            RuntimeFault,
            "from registry.example: its name does not resolve",
        ),
        (
            Code.UNKNOWN,
            (
                f'{PREFIX}failed to do request: Head "https://registry.example/v2/": dial tcp: '
                "lookup registry.example on 127.0.0.53:53: read udp: connection refused"
            ),
            RuntimeFault,
            "from registry.example: its name does not resolve",
        ),
        (
            Code.UNKNOWN,
            f'{PREFIX}failed to do request: Head "https://registry.example/v2/": x509: certificate signed by unknown',
            RuntimeFault,
            "its certificate is not trusted",
        ),
        (
            Code.UNKNOWN,
            f'{PREFIX}failed to do request: Head "https://registry.example/v2/": dial tcp 10.0.0.9:443: i/o timeout',
            RuntimeFault,
            "it does not answer",
        ),
    ],
)
def test_pulls(code: Code, text: str, kind: type[RuntimeFault], says: str) -> None:
    found = pull_fault(CallError(code, text), IMAGE)
    assert type(found) is kind
    assert says in str(found)
    assert str(found).startswith(f"cannot pull image '{IMAGE}'")
    assert (found.reason, found.transient) == ("ErrImagePull", False)


def test_a_pull_while_the_runtime_is_away_is_transient() -> None:
    found = pull_fault(CallError(Code.UNAVAILABLE, "connect failed: Connection refused"), IMAGE)
    assert (found.transient, found.reason) == (True, "RuntimeUnavailable")


def test_a_pull_shows_no_credentials_and_no_query() -> None:
    text = 'Get "https://user:canary@auth.example/token?account=canary&service=x": 401 Unauthorized'
    found = str(pull_fault(CallError(Code.UNKNOWN, text), IMAGE))
    assert "canary" not in found
    assert "https://auth.example/token" in found


def test_a_pull_that_fails_otherwise_keeps_the_runtimes_text() -> None:
    found = pull_fault(CallError(Code.UNKNOWN, "no space left on device"), IMAGE)
    assert str(found) == f"cannot pull image '{IMAGE}': no space left on device"


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("busybox", "registry-1.docker.io"),
        ("library/busybox", "registry-1.docker.io"),
        ("docker.io/library/busybox", "registry-1.docker.io"),
        ("localhost/x", "localhost"),
        ("127.0.0.1:5000/x:1", "127.0.0.1:5000"),
        ("registry.example/x", "registry.example"),
    ],
)
def test_the_registry_of_a_reference(image: str, host: str) -> None:
    assert registry_host(image) == host
