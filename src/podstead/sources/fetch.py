"""One GET of the manifest URL, blocking and bounded; done on a thread that may be left behind."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.k8s.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

    from podstead.clock import Clock

OK, NOT_MODIFIED = 200, 304
CHUNK_BYTES = 64 << 10
MAX_QUOTED = 200
"""Characters of what a server sent (a status line of 64 KiB) that a message repeats."""


class FetchError(OSError):
    """The URL gave nothing that could be a manifest; the text says why, and holds no header and no query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A body, and the entity tag under which the server knows it (empty: none)."""

    body: bytes
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What is asked for. `seconds` bounds the whole exchange, `max_bytes` the body."""

    url: str
    headers: Mapping[str, tuple[str, ...]]
    seconds: float
    max_bytes: int
    tag: str = ""


def fetch(wanted: Fetch, clock: Clock) -> Fetched | None:
    """Return what the URL gives now, None where the server says that it is what `tag` names.

    Certificates are verified, redirects followed as urllib does (at most 10), proxies of the environment used. Only
    status 200 counts. Raises FetchError.
    """
    until = clock.now().boot + wanted.seconds
    request = urllib.request.Request(wanted.url, headers=_headers(wanted))  # noqa: S310 - the scheme is checked at start
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=wanted.seconds) as reply:
            _check_status(reply.status)
            return Fetched(body=_body(reply, wanted, until, clock), tag=reply.headers.get("ETag", ""))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == NOT_MODIFIED and wanted.tag:
                return None
            raise _status_error(error.code) from None
    except urllib.error.URLError as error:
        raise FetchError(_reason(error.reason)) from None
    except FetchError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(_reason(error)) from None
    except ValueError:  # its text may hold a header's value
        raise FetchError(
            "the URL or a header cannot be sent: a part of its host name is empty or longer than 63 characters, or there"
            " is a letter beyond ASCII, which a URL writes as %C3%A9"
        ) from None


def _check_status(status: int) -> None:
    if status != OK:
        raise _status_error(status)


def _status_error(status: int) -> FetchError:
    return FetchError(f"the server answers with status {status}, not {OK}")


def _headers(wanted: Fetch) -> dict[str, str]:
    # One name may have several values: RFC 9110 5.3 lets them stand in one line.
    given = {name: ", ".join(values) for name, values in wanted.headers.items()}
    return {**given, **({"If-None-Match": wanted.tag} if wanted.tag else {})}


def _body(reply: http.client.HTTPResponse, wanted: Fetch, until: float, clock: Clock) -> bytes:
    parts: list[bytes] = []
    left = wanted.max_bytes + 1
    while left > 0 and (part := reply.read1(min(left, CHUNK_BYTES))):
        if clock.now().boot > until:
            raise FetchError(f"the server has not sent it all within {wanted.seconds:g} s")
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise FetchError(f"the body has more than {wanted.max_bytes} bytes: no list of Pods is that large")
    if reply.length:
        raise FetchError("the server ended before it had sent the whole body")
    return b"".join(parts)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return f"the server cannot be reached: {error.strerror}"
    return f"the server cannot be reached: {printable(str(error))[:MAX_QUOTED]}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects with more care than urllib: configured headers stay with their host, TLS is never given up."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> object:
        """Follow a redirect of any status, if it leads to a URL at all."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise FetchError("the server redirects to what is no URL") from None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(  # urllib's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme not in {"https", before.scheme}:
            fp.close()
            raise FetchError(f"the server redirects from {before.scheme} to {after.scheme}, which is not followed")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and before.netloc != after.netloc:
            request.headers.clear()
        return request
