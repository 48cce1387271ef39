"""The commands that sentences name are such as the command line takes, and reach who names them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from podstead.cli.endpoint import endpoint_of
from podstead.cli.main import COMMANDS
from podstead.cli.options import Given, read_options
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.config.settings import Settings
from podstead.guard.settings import GuardSettings
from podstead.hints import USUAL, Hints
from podstead.signing.index_verify import IndexFault
from podstead.signing.provenance import Fault
from podstead.state.trust import TrustRecord, mode_in_force, signers_lost
from podstead.trust.rules import RULES, Objection

AWAY = Path("/srv/a b")


def typed(line: str) -> tuple[str, Given]:
    """Return the command of a line, and what its options and words are; raises as the command line would."""
    program, *words = shlex.split(line)
    assert program == "podstead"
    at = next(place for place, word in enumerate(words) if word in {entry.name for entry in COMMANDS})
    command = next(entry for entry in COMMANDS if entry.name == words[at]).load()
    given, _ = read_options([*words[:at], *words[at + 1 :]], command.all_options, help_of="podstead")
    return words[at], given


def agent(root: Path | None, socket: Path | None = None) -> Settings:
    paths = paths_for(root)
    if socket is not None:
        paths = type(paths)(
            root=paths.root, run=paths.run, pod_logs=paths.pod_logs, log_links=paths.log_links, socket_path=socket
        )
    return Settings(paths=paths, source=None, node=NodeSettings(name="n"))


@pytest.mark.parametrize("root", [None, AWAY])
@pytest.mark.parametrize("socket", [None, Path("/run/x y.sock")])
def test_an_agents_commands_reach_its_socket(root: Path | None, socket: Path | None) -> None:
    settings = agent(root, socket)
    for prefix in (settings.hints.trust, settings.hints.rotate, settings.hints.allow, settings.hints.accept):
        _, given = typed(prefix)
        endpoint = endpoint_of(given, {})
        assert endpoint.socket == settings.paths.socket
        assert endpoint.paths is None or endpoint.paths.root == settings.paths.root


def test_the_usual_agents_commands_need_no_flags() -> None:
    assert agent(None).hints == USUAL


def test_a_guards_commands_reach_its_state_and_its_signers() -> None:
    security = SecuritySettings(allowed_signers=AWAY / "signers")
    hints = GuardSettings(source=Path("/s"), publish=Path("/p"), state=AWAY, node="n", security=security).hints
    for prefix, name, words in (
        (hints.trust, "trust", ()),
        (hints.rotate, "trust", ("rotate",)),
        (hints.accept, "guard", ("accept-directory",)),
    ):
        command, given = typed(prefix)
        assert (command, given.words, given.value("state-dir")) == (name, words, str(AWAY))
    assert typed(hints.rotate)[1].value("allowed-signers") == str(AWAY / "signers")
    assert typed(hints.keys)[1].words == (str(AWAY / "signers"),)


def test_sentences_name_the_commands_that_they_were_given() -> None:
    away = Hints(trust="T", rotate="R", keys="K", stopped=" (S)")
    said = [
        mode_in_force(SignatureMode.WARN, TrustRecord(mode=SignatureMode.ENFORCE), away)[1],
        signers_lost(None, "/f", away),
        signers_lost("00", "/f", away),
        Objection(reason=IndexFault.NO_RECORD, message="m").sentence(away),
        Objection(reason=Fault.UNKNOWN_KEY, message="m").sentence(away),
    ]
    for sentence, command in zip(
        said, ("T lower --mode warn", "R FILE", "R FILE", "T init --floor", "K shows"), strict=True
    ):
        assert command in sentence
        assert "podstead" not in sentence
    assert all(sentence.endswith("(S)") or "(S)" in sentence for sentence in said[:4])


def test_every_rule_can_be_said() -> None:
    for reason in RULES:
        assert "{" not in Objection(reason=reason, message="m").sentence(USUAL)
