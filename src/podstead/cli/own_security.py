"""The `security` section of our own configuration file: who may say what runs on this node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.cli.own_audit import NO_SINKS, read_audit
from podstead.config.security import SignatureMode

if TYPE_CHECKING:
    from pathlib import Path

    from podstead.cli.config_reader import Section
    from podstead.config.security import AuditSettings

SIGNATURE_MODES = tuple(mode.value for mode in SignatureMode)
STOP = "stop"
FOREIGN_MODES = ("report", STOP)

_FIELDS = {
    "allowInsecureManifests",
    "quarantine",
    "signatureMode",
    "allowedSigners",
    "revokedKeys",
    "audit",
    "foreign",
    "policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityFields:
    """The section's values; None: not given."""

    allow_insecure: bool | None = None
    quarantine: bool | None = None
    signature_mode: SignatureMode | None = None
    allowed_signers: Path | None = None
    revoked_keys: Path | None = None
    audit: AuditSettings = NO_SINKS
    stop_foreign: bool | None = None
    policy: Path | None = None


NO_SECURITY = SecurityFields()


def read_security(section: Section | None, beside: Path) -> SecurityFields:
    """Return what the section says; what is wrong with it is told to its reader. Paths count from `beside`, a directory."""
    if section is None:
        return NO_SECURITY
    section.refuse_unknown(_FIELDS)
    return SecurityFields(
        allow_insecure=section.boolean("allowInsecureManifests"),
        quarantine=section.boolean("quarantine"),
        signature_mode=SignatureMode(mode) if (mode := section.choice("signatureMode", SIGNATURE_MODES)) else None,
        allowed_signers=_path(section, "allowedSigners", beside),
        revoked_keys=_path(section, "revokedKeys", beside),
        audit=read_audit(section.section("audit"), beside),
        stop_foreign=foreign == STOP if (foreign := section.choice("foreign", FOREIGN_MODES)) else None,
        policy=_path(section, "policy", beside),
    )


def _path(section: Section, name: str, beside: Path) -> Path | None:
    text = section.string(name)
    return beside / text if text else None


def mode_reason(text: str) -> str | None:
    """Return why a text is not a signature mode."""
    return None if text in SIGNATURE_MODES else f"must be {', '.join(SIGNATURE_MODES[:-1])} or {SIGNATURE_MODES[-1]}"


def foreign_reason(text: str) -> str | None:
    """Return why a text is not what may be done about foreign things."""
    return None if text in FOREIGN_MODES else f"must be {' or '.join(FOREIGN_MODES)}"
