"""The section `security.audit` of our own configuration file: where the audit log goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.config.security import AuditSettings, WebhookSettings

if TYPE_CHECKING:
    from podstead.cli.config_reader import Section

DEV_LOG = Path("/dev/log")
NO_SINKS = AuditSettings()


def read_audit(section: Section | None, beside: Path) -> AuditSettings:
    """Return what the section says; its problems are the reader's. Paths count from `beside`, a directory."""
    if section is None:
        return NO_SINKS
    section.refuse_unknown({"syslog", "syslogSocket", "checkpointFile", "webhook"})
    socket = section.string("syslogSocket")
    wanted = section.boolean("syslog")
    if socket and wanted is False:
        section.refuse("syslogSocket", "names a socket, and syslog: false says that none is to be used")
    return AuditSettings(
        syslog=_path(beside, socket) or (DEV_LOG if wanted else None),
        checkpoint_file=_path(beside, section.string("checkpointFile")),
        webhook=_webhook(section.section("webhook"), beside),
    )


def _webhook(section: Section | None, beside: Path) -> WebhookSettings | None:
    if section is None:
        return None
    section.refuse_unknown({"url", "caFile", "tokenFile"})
    url = section.checked("url", _url_reason)
    if not url:
        section.refuse("url", "is missing: where alarms go, such as https://alerts.example.com/api/v2/alerts")
    return WebhookSettings(
        url=url or "",
        ca_file=_path(beside, section.string("caFile")),
        token_file=_path(beside, section.string("tokenFile")),
    )


def _url_reason(text: str) -> str | None:
    """Return why a text is no address of a webhook; the text itself may hold a token, and is not repeated."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "is not an address: write for example https://alerts.example.com/api/v2/alerts"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return "must begin with https:// or http:// and name a host"
    if parts.username is not None or parts.password is not None:
        return "must hold no user and password: put a bearer token into tokenFile"
    if not (text.isascii() and text.isprintable()) or " " in text:
        return "must be written in plain characters, others as %XX"
    return None


def _path(beside: Path, text: str | None) -> Path | None:
    return beside / text if text else None
