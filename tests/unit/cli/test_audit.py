"""`podstead audit` as root types it, on a log that no agent writes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from podstead.audit import key_file
from podstead.audit.writer import Noted
from podstead.cli import main as cli
from podstead.config.paths import paths_for
from podstead.state.audit import Act, AuditEntry, Fact
from podstead.store.instance import lock_root
from tests.support.canary import HOSTILE, leaks
from tests.unit.audit.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "audit")
    made.write(1, 2, 3)
    return made


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def typed(*words: str) -> tuple[int, str, str]:
        code = cli.main(["audit", "--root-dir", str(tmp_path), *words])
        done = capsys.readouterr()
        assert "Traceback" not in done.err
        return code, done.out, done.err

    return typed


def test_the_table(log: Log, run: Run) -> None:
    code, out, _ = run()
    header, begins, *rows = out.splitlines()
    assert code == 0
    assert header.split() == ["TIME", "RECORD", "ACT", "SUBJECT", "REASON", "WHO", "MESSAGE"]
    assert begins.split()[3:6] == ["Log", log.writer.log, "FileBegins"]
    assert [row.split()[2:5] for row in rows] == [[str(n + 1), "Exec", f"default/pod-{n}"] for n in (1, 2, 3)]


def test_json_is_a_record_a_line_and_since_leaves_out_what_is_older(log: Log, run: Run) -> None:
    lines = [json.loads(line) for line in run("-o", "json")[1].splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[1]["facts"] == {"count": 1}
    log.clock.wall = 1_000_000_000
    log.write(4)
    lines = [json.loads(line) for line in run("-o", "json", "--since", "1h")[1].splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]


def test_verify_says_what_is_proven_and_what_not(log: Log, run: Run, tmp_path: Path) -> None:
    code, out, err = run("verify")
    assert code == 0
    assert out.startswith(
        f"Intact: the 4 records 1 to 4 (until 2027-01-15T08:00:01.000000Z) of the log {log.writer.log}"
    )
    assert "give a checkpoint that was kept elsewhere (--against FILE) or the verification key (--key FILE)" in out
    assert "take it away by podstead audit key" in err

    key = tmp_path / "key"
    key.write_text(run("key")[1], encoding="ascii")
    assert not key_file.waits_for_its_keeper(log.directory)
    _, out, err = run("verify", "--key", str(key))
    assert "4 records were not changed nor cut from the end by who became root after they were sealed" in out
    assert "an older copy with its key" in out
    assert err == ""

    points = tmp_path / "syslog"
    points.write_text(f"Jan 15 node1 podstead-audit[1]: {run('export', '--format', 'checkpoint')[1]}", encoding="ascii")
    log.write(4)
    _, out, _ = run("verify", "--against", str(points))
    assert "none up to record 4 was changed or cut by anybody" in out
    assert "Not proven: records 5 to 5, which came later." in out
    _, out, _ = run("verify", "--against", str(points), "--key", str(key))
    assert "none up to record 4 was changed or cut, by anybody, as the checkpoint says" in out


@pytest.mark.attack("edited-audit")
def test_verify_finds_a_hand_in_it(log: Log, run: Run, tmp_path: Path) -> None:
    (path,) = log.paths()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"entry 2", b"entry 7"))
    code, out, _ = run("verify")
    assert code == 1
    assert out.splitlines()[0].startswith("00000001.jsonl:4: record 4 does not follow the one before it")
    assert out.splitlines()[-1].startswith("NOT INTACT: the log ")
    path.write_bytes(HOSTILE.encode() + b"\n" + whole)
    code, out, err = run("verify")
    assert (code, leaks(out + err)) == (1, [])
    assert leaks(run()[1]) == []
    code, out, err = run("export")
    assert (code, leaks(out + err)) == (1, [])


@pytest.mark.parametrize("form", ["json", "cef"])
def test_an_export_gives_every_record_and_steers_nothing(log: Log, run: Run, form: str) -> None:
    entry = AuditEntry(
        act=Act.REFUSE, subject=HOSTILE, message="a|b=c\\d" + HOSTILE, facts={Fact.FILE: HOSTILE, Fact.UID: 7}
    )
    log.writer.write([Noted(at=log.clock.now(), entry=_cleaned(entry))])
    code, out, _ = run("export", "--format", form)
    assert code == 0
    assert len(out.splitlines()) == 5
    assert leaks(out) == []
    if form == "cef":
        last = out.splitlines()[-1]
        assert last.startswith("CEF:0|Podstead|podstead|")
        assert r"|Refuse|a\|b=c\\d" in last
        assert "suid=7" in last


def _cleaned(entry: AuditEntry) -> AuditEntry:
    from podstead.audit.records import cleaned

    return cleaned(entry)


def test_the_key_is_shown_once(log: Log, run: Run) -> None:
    code, out, err = run("key")
    assert (code, out.startswith("podstead-audit-key:v1:")) == (0, True)
    assert "shown once" in err
    code, out, err = run("key")
    assert (code, out) == (1, "")
    assert "was taken away already" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verfy",), "did you mean verify?"),
        (("verify", "--since", "1h"), "--since belongs to: podstead audit, podstead audit export"),
        (("export", "--format", "xml"), "take json, cef, checkpoint"),
        (("--since", "yesterday"), "is not a duration"),
        (("-o", "yaml"), "take json"),
    ],
)
def test_a_wrong_line_says_what_to_write(log: Log, run: Run, words: tuple[str, ...], told: str) -> None:
    code, out, err = run(*words)
    assert (code in {1, 2}, out) == (True, "")
    assert told in err


def test_files_that_do_not_fit_are_named(log: Log, run: Run, tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    strange.write_text("podstead-audit-key:v1:0000:secret", encoding="ascii")
    for words, told in (
        (("verify", "--key", str(strange)), "not the whole verification key"),
        (("verify", "--against", str(strange)), "there is no checkpoint in"),
        (("verify", "--key", "/no/such"), "cannot read /no/such: No such file"),
        (("--dir", "/no/such"), "there is no audit log in /no/such"),
    ):
        code, _, err = run(*words)
        assert (code, told in err) == (1, True), err
        assert "secret" not in err


def test_a_checkpoint_of_a_dropped_record_ends_with_its_own_code(run: Run, tmp_path: Path) -> None:
    from podstead.audit.writer import LogLimits

    log = Log(tmp_path / "audit", LogLimits(file_bytes=2000, files=2))
    log.write(1)
    points = tmp_path / "points"
    points.write_text(str(log.checkpoint()), encoding="ascii")
    for number in range(30):
        log.write(number)
    code, out, _ = run("verify", "--against", str(points))
    assert code == 3
    assert "is no longer kept: nothing can be said of it" in out


def test_a_lost_key_is_renewed_and_the_old_one_still_verifies_what_it_sealed(
    log: Log, run: Run, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(run("key")[1], encoding="ascii")
    log.writer.close()
    code, out, err = run("key", "--renew")
    assert (code, "shown once" in err) == (0, True)
    new.write_text(out, encoding="ascii")
    log.reopen()
    log.write(9)
    code, out, _ = run("verify", "--key", str(old), "--key", str(new))
    assert code == 0
    assert "7 records were not changed nor cut from the end" in out
    assert not key_file.waits_for_its_keeper(log.directory)


def test_a_key_is_not_renewed_under_an_agent(log: Log, run: Run, tmp_path: Path) -> None:
    with lock_root(paths_for(tmp_path)):
        code, out, err = run("key", "--renew")
    assert (code, out) == (1, "")
    assert "another agent runs" in err


def test_following_tells_what_comes(log: Log, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "podstead", "audit", "-f", "-o", "json", "--root-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert [json.loads(following.stdout.readline())["seq"] for _ in range(4)] == [1, 2, 3, 4]
            log.write(4)
            assert json.loads(following.stdout.readline())["message"] == "entry 4"
        finally:
            following.send_signal(signal.SIGINT)
        assert following.wait(10) == 0
