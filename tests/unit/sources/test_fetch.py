"""One GET of the manifest URL: what counts, what does not, and how long it may take."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.sources.fetch import Fetch, Fetched, FetchError, fetch
from tests.simulators.manifest_server import Answer, ManifestServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK = SystemClock()
TOKEN = {"Authorization": ("Bearer s3cret",)}


@pytest.fixture
def server() -> Iterator[ManifestServer]:
    with ManifestServer() as made:
        yield made


def ask(url: str, *, tag: str = "", max_bytes: int = 1000, seconds: float = 5.0) -> Fetched | None:
    return fetch(Fetch(url=url, headers=TOKEN, seconds=seconds, max_bytes=max_bytes, tag=tag), CLOCK)


def refused(url: str, *, max_bytes: int = 1000, seconds: float = 5.0) -> str:
    with pytest.raises(FetchError) as caught:
        ask(url, max_bytes=max_bytes, seconds=seconds)
    return str(caught.value)


def test_a_body_comes_with_its_tag_and_is_not_sent_again(server: ManifestServer) -> None:
    server.answer = Answer(body=b"kind: Pod", headers={"ETag": '"1"'})
    assert ask(server.url()) == Fetched(body=b"kind: Pod", tag='"1"')
    assert ask(server.url(), tag='"1"') is None
    assert [request["authorization"] for request in server.asked] == ["Bearer s3cret"] * 2


def test_an_empty_body_is_a_body(server: ManifestServer) -> None:
    assert ask(server.url()) == Fetched(body=b"")


@pytest.mark.parametrize("status", [204, 206, 404, 500])
def test_only_status_200_counts(server: ManifestServer, status: int) -> None:
    server.answer = Answer(status=status)
    assert refused(server.url()) == f"the server answers with status {status}, not 200"


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "Connection refused" in refused(f"http://127.0.0.1:{port}/")


def test_a_body_beyond_the_limit(server: ManifestServer) -> None:
    server.answer = Answer(body=b"x" * 1000)
    assert ask(server.url()) is not None
    server.answer = Answer(body=b"x" * 1001)
    assert "more than 1000 bytes" in refused(server.url())


def test_half_a_body_is_none(server: ManifestServer) -> None:
    server.answer = Answer(body=b"kind: Pod", promised=100)
    assert "before it had sent the whole body" in refused(server.url())


def test_a_server_that_drips_is_given_up(server: ManifestServer) -> None:
    server.answer = Answer(body=b"x" * 500, pause=0.02)
    begun = CLOCK.now().boot
    assert "within 0.3 s" in refused(server.url(), seconds=0.3)
    assert CLOCK.now().boot - begun < 8, "all of it takes ten seconds"


def test_a_redirect_on_the_same_host_keeps_the_headers(server: ManifestServer) -> None:
    server.answer = Answer(status=302, headers={"Location": "/other"})
    assert "status 302" in refused(server.url())  # it goes on redirecting, and is given up
    assert all(request["authorization"] for request in server.asked)


def test_a_redirect_to_another_host_takes_no_header_along(server: ManifestServer) -> None:
    with ManifestServer() as other:
        other.answer = Answer(body=b"kind: Pod")
        server.answer = Answer(status=302, headers={"Location": other.url(host="localhost")})
        assert ask(server.url()) == Fetched(body=b"kind: Pod")
        assert "authorization" not in other.asked[0]


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/shadow"])
def test_a_redirect_to_another_scheme_is_not_followed(server: ManifestServer, target: str) -> None:
    server.answer = Answer(status=302, headers={"Location": target})
    assert refused(server.url())
    assert len(server.asked) == 1


@pytest.mark.parametrize("target", ["http://[::1", "http://127.0.0.1:no/", "http://127.0.0.1:99999/"])
def test_a_redirect_to_what_is_no_url_is_not_followed(server: ManifestServer, target: str) -> None:
    server.answer = Answer(status=302, headers={"Location": target})
    assert refused(server.url())
    assert len(server.asked) == 1


def test_what_a_server_says_instead_of_http_is_shown_escaped_and_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 99999 \x1b[31mPods are fine" + b"!" * 5000 + b"\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        said = refused(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize("url", ["http://manifests..example/", f"http://{'x' * 70}/", "http://127.0.0.1:9/\u00e9"])
def test_a_url_that_cannot_be_sent_is_a_fault_of_the_url(url: str) -> None:
    """Not of the loop that works on the directory too."""
    assert refused(url).startswith("the URL or a header cannot be sent")


def test_a_header_that_cannot_be_sent_is_not_told(server: ManifestServer) -> None:
    wanted = Fetch(url=server.url(), headers={"X": ("s3cret\u20ac",)}, seconds=5.0, max_bytes=10)
    with pytest.raises(FetchError, match="the URL or a header cannot be sent") as caught:
        fetch(wanted, CLOCK)
    assert "s3cret" not in str(caught.value)
