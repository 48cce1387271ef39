"""Who may sign what, and when: OpenSSH's `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS).

A line that cannot be read is an error, not a signer less: whoever trusts a file must know what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from podstead.signing.keys import KEY_TYPES, SHOWN, key_of_text
from podstead.signing.patterns import matches, pattern_fault
from podstead.signing.wire import MalformedError

if TYPE_CHECKING:
    from datetime import tzinfo

    from podstead.signing.keys import PublicKey

MAX_BYTES = 1024 * 1024
MAX_SIGNERS = 10_000

_FIELD = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_OPTION = re.compile(r'(?P<name>[a-zA-Z-]+)(?:=(?P<value>"(?:[^"\\]|\\.)*"))?(?:,|$)')
_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """One line: principals (patterns), a key, the namespaces it may sign for and the times in which it may.

    Times are seconds since the epoch: from `valid_after` on, and before `valid_before`; None: no limit.
    """

    line: int
    principals: str
    key: PublicKey
    namespaces: str = ""
    valid_after: float | None = None
    valid_before: float | None = None

    def may_sign(self, namespace: str) -> bool:
        """Return whether the key may sign for a purpose; without `namespaces` it may for all."""
        return not self.namespaces or matches(namespace, self.namespaces)

    def time_fault(self, now: float) -> str:
        """Return why the key is not valid at a time; empty: it is."""
        if self.valid_after is not None and now < self.valid_after:
            return f"the key is valid from {_shown(self.valid_after)} on only"
        if self.valid_before is not None and now > self.valid_before:
            return f"the key was valid until {_shown(self.valid_before)}"
        return ""


class SignersError(MalformedError):
    """A file of signers that cannot be read; the text begins with the line's number."""


def read_signers(data: bytes, zone: tzinfo | None = UTC) -> tuple[Signer, ...]:
    """Return the signers of a file in its order. Raises SignersError.

    Times that are written without Z are those of `zone`; None: of the machine's own, with its summer time.
    """
    if len(data) > MAX_BYTES:
        raise SignersError(f"it is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SignersError("it is not UTF-8") from None
    signers: list[Signer] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            signers.append(_signer(number, stripped, zone))
        except MalformedError as error:
            raise SignersError(f"line {number}: {error}") from None
        if len(signers) > MAX_SIGNERS:
            raise SignersError(f"it has more than {MAX_SIGNERS} signers")
    return tuple(signers)


def _signer(number: int, line: str, zone: tzinfo | None) -> Signer:
    words = _words(line)
    if len(words) < 3:
        raise MalformedError("principals, key type and key are due, as in: ops@example.com ssh-ed25519 AAAA…")
    principals, *rest = words
    options: dict[str, str] = {}
    if rest[0] not in KEY_TYPES and not rest[0].startswith("ssh-"):
        options = _options(rest.pop(0))
    if len(rest) < 2:
        raise MalformedError("the key is missing behind its type")
    principals = _unquoted(principals)
    for name, patterns in (("principals", principals), ("namespaces", options.get("namespaces", ""))):
        if patterns and (fault := pattern_fault(patterns)):
            raise MalformedError(f"{name}: {fault}")
    return Signer(
        line=number,
        principals=principals,
        namespaces=options.get("namespaces", ""),
        valid_after=_time(options, "valid-after", zone),
        valid_before=_time(options, "valid-before", zone),
        key=_key(rest[0], rest[1]),
    )


def _words(line: str) -> list[str]:
    """Return the words of a line; blanks in quotes are part of them."""
    words: list[str] = []
    at = 0
    for word in _FIELD.finditer(line):
        if line[at : word.start()].strip():
            break
        words.append(word[0])
        at = word.end()
    if line[at:].strip():
        raise MalformedError("its quotes are not closed")
    return words


def _key(kind: str, encoded: str) -> PublicKey:
    try:
        return key_of_text(kind, encoded)
    except MalformedError as error:
        raise MalformedError(f"the key cannot be used: {error}") from None


def _options(text: str) -> dict[str, str]:
    """Return the options of a line: unknown ones, and those written twice, are errors."""
    options: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            raise MalformedError(f"{text[at : at + SHOWN]!r} is no option; values stand in double quotes")
        name, value = option["name"].lower(), option["value"]
        if name == "cert-authority":
            raise MalformedError("cert-authority: certificates are not supported; write the key itself")
        if name not in {"namespaces", "valid-after", "valid-before"}:
            raise MalformedError(f"{name[:SHOWN]!r} is no option; known are namespaces, valid-after and valid-before")
        if value is None:
            raise MalformedError(f'{name} needs a value, as in {name}="…"')
        if name in options:
            raise MalformedError(f"{name} stands twice")
        options[name] = _unquoted(value)
        if not options[name]:
            raise MalformedError(f"{name} is empty")
        at = option.end()
    return options


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _time(options: dict[str, str], name: str, zone: tzinfo | None) -> float | None:
    """Return a time in seconds since the epoch: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC."""
    if (text := options.get(name)) is None:
        return None
    written = _TIME.fullmatch(text)
    if written is None:
        raise MalformedError(f"{name}: a time is written YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, perhaps with Z")
    *parts, utc = written.groups()
    try:
        moment = datetime(*(int(part or 0) for part in parts), tzinfo=UTC if utc else zone)  # type: ignore[misc,arg-type]
        return moment.timestamp()  # of the first and the last year the machine's own zone has no seconds
    except (ValueError, OverflowError):
        raise MalformedError(f"{name}: there is no such time") from None


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
