"""The stand-in's entrypoint, run against a server and a client that only say what they were told to do."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from demo.places import CONFIGURATION, ENTRYPOINT

if TYPE_CHECKING:
    from pathlib import Path

SERVER = r"""#!/bin/sh
case "$*" in
  *--version*) echo "mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))" ;;
  *--help*)
    cat <<'END'
  -u, --user=name     Run as this user
  --symbolic-links    Allow symbolic links
Variables (--variable-name=value)
and boolean options {FALSE|TRUE}  Value (after reading options)
--------------------------------- -----------------------------
port                              3306
skip-name-resolve                 FALSE
slow-query-log                    FALSE
innodb-buffer-pool-size           134217728
datadir                           @DATA@/
END
    case "$*" in *--lower-case-table-names=1*) layout=1 ;; *) layout=0 ;; esac
    cat <<END
lower-case-table-names            $layout
socket                            @RUN@/socket
log-error                         stderr

To see what values a running MySQL server is using, type
END
    ;;
  *--initialize-insecure*) echo made >"@DATA@/made" ;;
  *--init-file=*)
    cat "@RUN@/accounts.sql"
    : >"@RUN@/socket"
    trap 'exit 0' TERM
    while [ -e "@RUN@/accounts.sql" ]; do sleep 0.05; done
    exit 7 ;;
  *) echo "served $*"; cat "@RUN@/server.cnf" ;;
esac
"""
"""It takes its first clients with the first accounts, and ends with 7 once these are known to be set."""


class Host:
    """A directory that looks like the image to the entrypoint."""

    def __init__(self, root: Path) -> None:
        self.data, self.configuration, self._programs = root / "data", root / "etc", root / "bin"
        self._run = root / "run"
        share = root / "share"
        for directory in (self.data, self.configuration / "mysql.conf.d", self._programs, share / "data"):
            directory.mkdir(parents=True)
        text = ENTRYPOINT.read_text(encoding="utf-8")
        for there, here in (
            ("/etc/mysql", self.configuration),
            ("RUN=/run/mysqld", f"RUN={self._run}"),
            ("SHARE=/usr/share/podstead-stand-in", f"SHARE={share}"),
        ):
            assert there in text
            text = text.replace(there, str(here))
        self.entrypoint = root / "entrypoint"
        self._program("mysqld", SERVER.replace("@DATA@", str(self.data)).replace("@RUN@", str(self._run)))
        self.answer("exit 0")
        told = subprocess.run([str(self._programs / "mysqld"), "--help"], capture_output=True, check=True, timeout=30)
        (share / "help").write_bytes(told.stdout)
        (share / "data/copied").touch()
        # This ring is not root, or must do as if: the server runs as whoever runs the test.
        self._program("id", "#!/bin/sh\necho 1000\n")
        self.entrypoint.write_text(text, encoding="utf-8")
        self.entrypoint.chmod(0o755)

    def _program(self, name: str, text: str) -> None:
        path = self._programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def answer(self, client: str) -> None:
        """Let the client do as a line of shell says."""
        self._program("mysql", f"#!/bin/sh\n{client}\n")

    @property
    def mark(self) -> str:
        return (self.data / ".podstead-engine").read_text(encoding="utf-8").strip()

    def configure(self, name: str, text: str) -> Path:
        path = self.configuration / "mysql.conf.d" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
        return path

    def made_by(self, engine: str) -> None:
        (self.data / ".podstead-engine").write_text(engine + "\n", encoding="utf-8")

    def start(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.entrypoint), *arguments],
            env={"PATH": f"{self._programs}:/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    if shutil.which("awk") is None:
        pytest.fail("awk is missing")
    return Host(tmp_path)


def test_unknown_options_of_the_server_are_named_and_left_out(host: Host) -> None:
    host.made_by("MySQL 9.7")
    text = (
        "[client]\nport = 1\nno_such = 1\n[mysqld]\nport = 3311\n# a comment\nquery_cache_size = 8M\nslow_query_log\n"
    )
    file = host.configure("mysqld.cnf", text)
    done = host.start("mysqld")
    assert done.stderr.splitlines()[0] == "stand-in: mysqld.cnf:7: query_cache_size is not known to MySQL 9.7: left out"
    assert len(done.stderr.splitlines()) == 2
    assert "query_cache_size" not in done.stdout
    assert "[client]\nport = 1\nno_such = 1\n[mysqld]\nport = 3311\n# a comment\nslow_query_log\n" in done.stdout
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "option",
    [
        "skip-slow-query-log",
        "disable_slow_query_log",
        "maximum-innodb-buffer-pool-size = 1G",
        "loose_unheard_of = 1",
        "innodb_buffer_pool = 1G",
        "symbolic-links=0",
        "user = mysql",
        "  port=1 # said so",
    ],
)
def test_other_spellings_of_an_option_are_left_to_the_server(host: Host, option: str) -> None:
    host.made_by("MySQL 9.7")
    host.configure("mysqld.cnf", f"[mysqld]\n{option}\n")
    done = host.start()
    assert "left out" not in done.stderr
    assert option in done.stdout


def test_each_option_of_the_article_that_this_server_lacks_is_named_with_its_line(host: Host) -> None:
    host.made_by("MySQL 9.7")
    article = CONFIGURATION.read_text(encoding="utf-8")
    host.configure("mysqld.cnf", article)
    named = [line for line in host.start("mysqld").stderr.splitlines() if line.endswith("left out")]
    lines = article.splitlines()
    known = {"port", "skip_name_resolve", "slow_query_log", "innodb_buffer_pool_size", "datadir", "log_error"}
    known |= {"symbolic-links", "user", "socket"}
    begin = lines.index("[mysqld]") + 1
    expected = [
        f"stand-in: mysqld.cnf:{number}: {name} is not known to MySQL 9.7: left out"
        for number, name in ((n, line.split(" ")[0]) for n, line in enumerate(lines[begin:], begin + 1))
        if name not in known and number <= lines.index("[mysqldump]")
    ]
    assert named == expected


def test_values_are_never_named(host: Host) -> None:
    host.made_by("MySQL 9.7")
    host.configure("mysqld.cnf", "[mysqld]\nsecret_word = canary-password\nodd\x1b[31m = canary-password\n")
    done = host.start("mysqld")
    assert "secret_word" in done.stderr
    assert "canary-password" not in done.stderr
    assert "\x1b" not in done.stderr


def test_a_configuration_that_everybody_may_write_is_not_read(host: Host) -> None:
    host.made_by("MySQL 9.7")
    host.configure("open.cnf", "[mysqld]\nport = 1\n").chmod(0o666)
    done = host.start("mysqld")
    assert "open.cnf: everybody may write to it: not read" in done.stderr
    assert "port = 1" not in done.stdout


def test_without_a_password_it_refuses_to_start(host: Host) -> None:
    done = host.start("mysqld")
    assert done.returncode == 1
    assert "no password is given: set one of MYSQL_ROOT_PASSWORD, MYSQL_ALLOW_EMPTY_PASSWORD" in done.stderr
    assert list(host.data.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"MYSQL_USER": "root", "MYSQL_ROOT_PASSWORD": "x"}, "MYSQL_USER is root"),
        ({"MYSQL_USER": "u", "MYSQL_ROOT_PASSWORD": "x"}, "MYSQL_USER is given without MYSQL_PASSWORD"),
        ({"MYSQL_ROOT_PASSWORD_FILE": "/none", "MYSQL_ROOT_PASSWORD": "x"}, "are both given"),
        ({"MYSQL_ROOT_PASSWORD_FILE": "/none/of/it"}, "cannot read the file that MYSQL_ROOT_PASSWORD_FILE names"),
    ],
)
def test_an_environment_that_cannot_be_meant_is_refused(host: Host, environment: dict[str, str], sentence: str) -> None:
    done = host.start("mysqld", **environment)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_the_data_of_another_engine_are_refused_and_stay(host: Host) -> None:
    host.made_by("MariaDB 10.11")
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="x")
    assert done.returncode == 1
    assert f"the data in {host.data} are MariaDB 10.11's and stay untouched" in done.stderr
    assert (host.data / ".podstead-engine").read_text(encoding="utf-8") == "MariaDB 10.11\n"


def test_data_of_nobody_known_are_refused_and_stay(host: Host) -> None:
    (host.data / "ibdata1").write_text("precious", encoding="utf-8")
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="x")
    assert done.returncode == 1
    assert "were not made by this stand-in (MySQL 9.7) and stay untouched" in done.stderr
    assert (host.data / "ibdata1").read_text(encoding="utf-8") == "precious"


def test_another_command_is_executed_as_it_is(host: Host) -> None:
    done = host.start("echo", "as it is")
    assert (done.returncode, done.stdout) == (0, "as it is\n")


def test_arguments_go_to_the_server(host: Host) -> None:
    host.made_by("MySQL 9.7")
    done = host.start("--port=1", "--slow-query-log")
    assert done.stdout.splitlines()[0].endswith("server.cnf --port=1 --slow-query-log")


def test_a_new_database_is_a_copy_and_its_accounts_are_set_once(host: Host) -> None:
    host.answer('test "$MYSQL_PWD" = "it\'s" || echo "ERROR 1045 (28000): $MYSQL_PWD"')
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="it's", MYSQL_DATABASE="d")
    assert (done.returncode, host.mark) == (7, "MySQL 9.7"), done.stderr
    assert {path.name for path in host.data.iterdir()} == {"copied", ".podstead-engine"}
    assert done.stdout.splitlines()[-1] == "ALTER USER 'root'@'localhost' IDENTIFIED BY 'it''s';"
    assert "CREATE DATABASE IF NOT EXISTS `d`;" in done.stdout
    assert host.start("mysqld").stdout.startswith("served ")


def test_a_line_s_end_in_a_password_ends_no_statement(host: Host) -> None:
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="a\nb\\")
    assert done.stdout.splitlines()[-1] == r"ALTER USER 'root'@'localhost' IDENTIFIED BY 'a\nb\\';"


def test_accounts_that_were_not_known_to_be_set_are_set_again_and_data_stay(host: Host) -> None:
    host.made_by("MySQL 9.7 without accounts")
    (host.data / "words").touch()
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="x")
    assert (done.returncode, host.mark) == (7, "MySQL 9.7"), done.stderr
    assert {path.name for path in host.data.iterdir()} == {"words", ".podstead-engine"}


def test_a_copy_that_was_interrupted_begins_anew(host: Host) -> None:
    host.made_by("unfinished MySQL 9.7")
    (host.data / "half").touch()
    assert host.start("mysqld", MYSQL_ROOT_PASSWORD="x").returncode == 7
    assert {path.name for path in host.data.iterdir()} == {"copied", ".podstead-engine"}


def test_another_layout_of_files_is_made_by_the_server(host: Host) -> None:
    done = host.start("--lower-case-table-names=1", MYSQL_ROOT_PASSWORD="x")
    assert (done.returncode, host.mark) == (7, "MySQL 9.7"), done.stderr
    assert {path.name for path in host.data.iterdir()} == {"made", ".podstead-engine"}


def test_a_server_that_refuses_its_first_accounts_is_ended(host: Host) -> None:
    host.answer("echo \"ERROR 1045 (28000): Access denied for user 'root'@'localhost'\"; exit 1")
    done = host.start("mysqld", MYSQL_ROOT_PASSWORD="x")
    assert (done.returncode, host.mark) == (1, "MySQL 9.7 without accounts")
    assert done.stderr.splitlines()[-1].startswith(
        "stand-in: MySQL 9.7 refuses the first accounts: ERROR 1045 (28000): Access denied"
    )
