"""The agent's own house: refused at the start, told while it runs."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podstead.clock import SystemClock
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.config.settings import Settings
from podstead.daemon.own_house import OwnHouse, check_own_house
from podstead.errors import OperatorError
from podstead.state.audit import Act, AuditEntry
from podstead.store.instance import make_directories

if TYPE_CHECKING:
    from collections.abc import Iterator


class Told:
    """Keeps what an operator would be told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.entries: list[AuditEntry] = []

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        assert warning
        self.events.append((reason, message))

    def note(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An instance with a configuration file and signers."""
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    for name in ("etc", "trust"):
        (root / name).mkdir(mode=0o755)
    (root / "etc" / "config.yaml").write_text("strict: true\n")
    (root / "trust" / "signers").touch(mode=0o644)
    security = SecuritySettings(
        signature_mode=SignatureMode.ENFORCE,
        allowed_signers=root / "trust" / "signers",
        revoked_keys=root / "trust" / "revoked",
    )
    made = Settings(
        paths=paths_for(root / "r"),
        source=None,
        node=NodeSettings(name="n"),
        security=security,
        files=(root / "etc" / "config.yaml",),
    )
    make_directories(made.paths)
    yield made
    shutil.rmtree(root)


def house(settings: Settings, told: Told) -> OwnHouse:
    return OwnHouse(settings, told, told, SystemClock())


@pytest.mark.attack("own-configuration")
@pytest.mark.parametrize("place", ["etc", "etc/config.yaml", "trust", "trust/signers", "r/state", "."])
def test_a_start_is_refused_where_others_could_take_over(
    settings: Settings, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    check_own_house(settings)
    path = settings.paths.root.parent / place
    path.chmod(path.stat().st_mode | 0o020)
    with pytest.raises(OperatorError, match=f"others than root could take over this node: .*chmod go-w {path}$"):
        check_own_house(settings)
    allowed = dataclasses.replace(settings.security, allow_insecure=True)
    with caplog.at_level(logging.WARNING):
        check_own_house(dataclasses.replace(settings, security=allowed))
    assert caplog.messages[0].endswith(f"chmod go-w {path}")


def test_whose_signatures_count_is_nothing_where_they_are_off(settings: Settings) -> None:
    settings.security.allowed_signers.chmod(0o666)
    check_own_house(dataclasses.replace(settings, security=SecuritySettings()))


@pytest.mark.attack("own-configuration")
async def test_what_becomes_writable_while_the_agent_runs_is_told_once_and_goes_again(settings: Settings) -> None:
    told = Told()
    watched = house(settings, told)
    await watched.look()
    assert (watched.problems, told.events) == ((), [])
    settings.security.allowed_signers.chmod(0o666)
    for _ in range(2):
        await watched.look()
        assert [one.reason for one in watched.problems] == ["InsecurePlace"]
    (event,) = told.events
    assert event[1].endswith(f"chmod go-w {settings.security.allowed_signers}")
    assert [(entry.act, entry.is_alarm) for entry in told.entries] == [(Act.POSTURE, True)]
    settings.security.allowed_signers.chmod(0o644)
    await watched.look()
    assert watched.problems == ()


@pytest.mark.attack("own-configuration")
async def test_a_configuration_that_is_repointed_while_the_agent_runs_is_told(settings: Settings) -> None:
    told, (file,) = Told(), settings.files
    watched = house(settings, told)
    await watched.look()
    other = file.with_name("other.yaml")
    other.write_text("shareRuntime: true\n")
    file.unlink()
    file.symlink_to(other)
    await watched.look()
    expected = f"{file} has changed since this agent started, which goes on with what it read then"
    assert told.events == [("ConfigurationChanged", expected)]
    assert [entry.act for entry in told.entries] == [Act.CONFIGURATION]
    file.unlink()
    await watched.look()
    assert [one.message.split(" since")[0] for one in watched.problems] == [f"{file} is gone"]
    file.write_text("strict: true\n")
    await watched.look()
    assert watched.problems == ()
