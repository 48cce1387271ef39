"""Who may say what runs on this node, and who is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

ALLOWED_SIGNERS = Path("/etc/podstead/allowed_signers")


class SignatureMode(StrEnum):
    """What signatures decide; each is stricter than the one before it."""

    OFF = "off"
    """Nobody looks at them."""
    WARN = "warn"
    """Everything runs; what enforce would refuse is said."""
    ENFORCE = "enforce"
    """What nobody signed for is not parsed."""

    @property
    def strictness(self) -> int:
        """The mode's place in that order."""
        return tuple(SignatureMode).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Who is told of alarms, in the format of Alertmanager's API v2."""

    url: str = field(repr=False)
    """May hold a token in its path or query."""
    ca_file: Path | None = None
    """Who vouches for the receiver; None: whom the system trusts."""
    token_file: Path | None = None
    """A bearer token; read at each request, as tokens are renewed in place."""
    timeout_seconds: float = 15.0
    """For a whole exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Where the audit log goes besides ROOT/audit; None: not there."""

    syslog: Path | None = None
    """Syslog's socket, /dev/log; with systemd journald listens there."""
    webhook: WebhookSettings | None = None
    checkpoint_file: Path | None = None
    """Where checkpoints are appended to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """Who may say what runs on this node."""

    signature_mode: SignatureMode = SignatureMode.OFF
    allowed_signers: Path = ALLOWED_SIGNERS
    """Whose signatures count (ssh-keygen(1), ALLOWED SIGNERS)."""
    revoked_keys: Path = Path("/etc/podstead/revoked_keys")
    """Keys that count no more; the file need not be there."""
    policy: Path | None = None
    policy_required: bool = False
    """What may run here (None: nobody is asked), and whether the file was named: then nothing new runs without it."""
    allow_insecure: bool = False
    """Whether files and directories that others than root can write are only warned of."""
    quarantine: bool = False
    """Whether files that signatures or the policy refuse are moved away, to ROOT/quarantine."""
    audit: AuditSettings = AuditSettings()
    stop_foreign: bool = False
    """Whether what the agent did not make is stopped in its runtime; else it is only told of."""

    @property
    def named_signers(self) -> str:
        """The file of allowed signers as commands have to name it; empty: it is where they look by themselves."""
        return "" if self.allowed_signers == ALLOWED_SIGNERS else str(self.allowed_signers)
