"""Full image names: `mysql:5.7` means `docker.io/library/mysql:5.7` to every container runtime."""

from __future__ import annotations

import re
from dataclasses import dataclass

from podstead.errors import OperatorError

# The grammar of distribution's reference package, as far as tagged names go.
_HOST = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$")
_REPOSITORY = re.compile(r"^[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*$")
_TAG = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")
_MAX_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedName:
    """An image name with all its defaults written out."""

    host: str
    repository: str
    tag: str

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}:{self.tag}"


def parse_tagged_name(text: str) -> TaggedName:
    """Return the full name; a missing host is docker.io, a missing tag is latest.

    Raises:
        OperatorError: it is no image name, or names a digest, which an import cannot give.
    """
    if "@" in text:
        raise OperatorError(f"cannot import an image as {text!r}: write a name with a tag, such as mysql:5.7.39")
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        host, path = first, rest
    else:
        host, path = "docker.io", text
    repository, colon, tag = path.partition(":")
    if host in {"docker.io", "index.docker.io"}:
        host = "docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    tag = tag if colon else "latest"
    valid = _HOST.match(host) and _REPOSITORY.match(repository) and _TAG.match(tag)
    if not valid or len(f"{host}/{repository}") > _MAX_NAME:
        raise OperatorError(
            f"cannot import an image as {text!r}: this is no image name; write HOST/PATH:TAG in lower case"
        )
    return TaggedName(host=host, repository=repository, tag=tag)
