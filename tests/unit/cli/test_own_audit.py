"""The section `security.audit` of our own configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from podstead.cli.own_configuration import read_own_configuration
from podstead.config.security import AuditSettings, WebhookSettings
from podstead.errors import OperatorError


def read(directory: Path, text: str) -> AuditSettings:
    """Return what a file with this section says."""
    file = directory / "podstead.yaml"
    file.write_text("security:\n  audit:\n" + "".join(f"    {line}\n" for line in text.splitlines()), encoding="utf-8")
    return read_own_configuration(file).security.audit


def test_nothing_said_is_no_sink(tmp_path: Path) -> None:
    assert read(tmp_path, "syslog: false") == AuditSettings()


def test_every_sink(tmp_path: Path) -> None:
    text = "syslog: true\ncheckpointFile: points\nwebhook:\n  url: https://a.example/api?x=1\n  caFile: ca.pem\n  tokenFile: /etc/t"
    assert read(tmp_path, text) == AuditSettings(
        syslog=Path("/dev/log"),
        checkpoint_file=tmp_path / "points",
        webhook=WebhookSettings(
            url="https://a.example/api?x=1", ca_file=tmp_path / "ca.pem", token_file=Path("/etc/t")
        ),
    )
    assert read(tmp_path, "syslogSocket: /run/other").syslog == Path("/run/other")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sysloog: true", "podstead.yaml:3:5: security.audit.sysloog: is not a field here: did you mean syslog?"),
        ("syslog: false\nsyslogSocket: /x", "security.audit.syslogSocket: names a socket, and syslog: false"),
        ("webhook:\n  caFile: x", "security.audit.webhook.url: is missing"),
        ("webhook:\n  url: ftp://hidden.example/", "must begin with https:// or http://"),
        ("webhook:\n  url: https://me:hidden@a.example/", "must hold no user and password"),
        ("webhook:\n  url: 'https://a.example/hid den'", "must be written in plain characters"),
        ("webhook:\n  url: https://[hidden/", "is not an address"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_its_value(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OperatorError) as refused:
        read(tmp_path, text)
    assert told in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_an_address_may_hold_a_token_and_is_not_shown() -> None:
    assert "s3cret" not in repr(WebhookSettings(url="https://a.example/s3cret"))
