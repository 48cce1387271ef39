"""The demo's readers, its record, its refusals and what it prints."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from demo import checks
from demo.checks import check_machine
from demo.deployment import deploy_configuration, deploy_manifest, prepare_manifests, root_password
from demo.errors import DemoError
from demo.image import Images, data_family
from demo.packages import find_mirror, read_release
from demo.places import ARTICLE_DATA, CONFIGURATION, MANIFEST, Places, places_for
from demo.ports import find_listener, listening_inodes
from demo.progress import Progress
from demo.record import Made, Record
from demo.service import is_installed, listening_process
from demo.stand_in import BuiltStandIn, StandIns, main_complaint, parse_version, recipes
from demo.uninstall import mounts_below, without_agents_places
from demo.verification import EXPECTATIONS, Finding, left_out, table, verify

from podstead.manifest.read import read_manifest

if TYPE_CHECKING:
    from demo.node import Node


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_for(tmp_path)


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusals below are not about the port, which the machine may use."""
    monkeypatch.setattr(checks, "PORT", 1)


def test_the_article_is_deployed_as_it_stands() -> None:
    usual = places_for(None)
    assert str(usual.mysql) == ARTICLE_DATA
    assert usual.manifest_text() == MANIFEST.read_text(encoding="utf-8")
    reading = read_manifest(MANIFEST.read_bytes(), node_name="node3")
    assert reading.accepted
    assert [str(pod.key) for pod in reading.pods] == ["kube-system/mysql-node3"]


def test_elsewhere_only_the_host_paths_differ(places: Places, tmp_path: Path) -> None:
    pairs = zip(places.manifest_text().splitlines(), MANIFEST.read_text(encoding="utf-8").splitlines(), strict=True)
    changed = [(new.strip(), old.strip()) for new, old in pairs if new != old]
    assert changed == [
        (f"path: {tmp_path}/mysql/data", "path: /opt/mysql/data"),
        (f"path: {tmp_path}/mysql/conf", "path: /opt/mysql/conf"),
    ]


def test_the_password_is_the_manifests() -> None:
    assert root_password(MANIFEST.read_bytes()) == "123456"
    with pytest.raises(DemoError, match="gives no MYSQL_ROOT_PASSWORD"):
        root_password(b"kind: Pod\n")


def test_the_record_comes_with_the_directory_and_lists_what_was_added(places: Places, tmp_path: Path) -> None:
    record = Record(places)
    assert record.read() == Made()
    record.begin()
    record.begin()
    record.add(files=(tmp_path / "a",), directories=(tmp_path / "b",))
    record.add(files=(tmp_path / "a", tmp_path / "c"))
    record.set_agent(ours=True)
    assert record.read() == Made(
        trees=(str(places.mysql),),
        directories=(f"{tmp_path}/b",),
        files=(f"{tmp_path}/a", f"{tmp_path}/c"),
        agent=True,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mysql"]


def test_a_record_that_is_none_is_named(places: Places) -> None:
    Record(places).begin()
    places.record.write_text("{", encoding="utf-8")
    with pytest.raises(DemoError, match="the list of what the demo made"):
        Record(places).read()


@pytest.mark.usefixtures("free_port")
@pytest.mark.parametrize("content", [[], ["data"]])
def test_a_database_directory_of_others_is_refused(places: Places, content: list[str]) -> None:
    places.mysql.mkdir()
    for name in content:
        (places.mysql / name).mkdir()
    with pytest.raises(DemoError, match="was not made by this demo, so nothing was changed"):
        check_machine(places, Record(places))
    with pytest.raises(DemoError, match="was not made by this demo, so nothing was changed"):
        Record(places).begin()
    assert sorted(path.name for path in places.mysql.iterdir()) == content


@pytest.mark.usefixtures("free_port")
def test_a_manifest_of_others_is_refused(places: Places) -> None:
    places.manifests.mkdir()
    places.manifest.write_text("theirs", encoding="utf-8")
    with pytest.raises(DemoError, match=r"static-mysql.yaml is there and was not made by this demo"):
        check_machine(places, Record(places))


def test_a_port_of_others_is_refused_with_its_holder(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(checks, "PORT", port)
        holder = find_listener(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(DemoError, match=rf"port {port} is taken by .* \(pid {os.getpid()}\)"):
            check_machine(places, Record(places))
    assert find_listener(port) is None


def test_deployed_files_are_listed_first_and_never_overwritten(places: Places) -> None:
    record, said = Record(places), list[str]()
    record.begin()
    prepare_manifests(places, record)
    deploy_configuration(places, record, said.append)
    deploy_manifest(places, record, said.append)
    assert places.configuration.read_bytes() == CONFIGURATION.read_bytes()
    assert places.manifests.stat().st_mode & 0o777 == 0o700
    assert places.manifest.stat().st_mode & 0o777 == 0o600
    assert set(record.read().files) == {str(places.configuration), str(places.manifest)}
    assert record.read().directories == (str(places.manifests),)
    places.manifest.write_text("edited", encoding="utf-8")
    deploy_manifest(places, record, said.append)
    assert places.manifest.read_text(encoding="utf-8") == "edited"
    assert said[-1] == f"{places.manifest} was changed since it was deployed: it stays as it is"


@pytest.mark.parametrize(
    ("mark", "family"),
    [("MySQL 9.7\n", "MySQL"), ("MariaDB 10.11\n", "MariaDB"), ("unfinished MySQL 9.7\n", ""), (None, "")],
)
def test_the_data_tell_their_family(tmp_path: Path, mark: str | None, family: str) -> None:
    if mark is not None:
        (tmp_path / ".podstead-engine").write_text(mark, encoding="utf-8")
    assert data_family(tmp_path) == family


def test_the_mirror_is_the_machines_own() -> None:
    targets = (
        "http://one.example/debian/ bookworm-updates bookworm-updates main\n"
        "cdrom://disc/ bookworm stable main\n"
        "http://two.example/debian/ bookworm stable contrib\n"
        "http://three.example/debian/ bookworm stable main\n"
    )
    assert find_mirror(targets, "bookworm") == "http://three.example/debian/"
    with pytest.raises(DemoError, match="no source of trixie main is configured"):
        find_mirror(targets, "trixie")
    with pytest.raises(DemoError, match=r"run 'apt-get update' first, with trixie main"):
        find_mirror("", "trixie")


class HoldingNode:
    """A node that takes any image; it stands for `demo.node.Node`."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def command(self, *words: str, **_: object) -> None:
        self.commands.append(words)


def test_a_kept_stand_in_is_taken_without_asking_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose lists of packages were never fetched, or were removed."""
    stand_ins = StandIns(tmp_path, print)
    archive = stand_ins.archive(recipes(read_release())[0])
    archive.touch()
    kept = BuiltStandIn(image="sha256:1", server="MySQL 9.7.4 from Debian sid")
    archive.with_suffix(".json").write_bytes(msgspec.json.encode(kept))
    monkeypatch.setenv("PATH", "")
    node = HoldingNode()
    assert Images(cast("Node", node), stand_ins, print).stand_in("").stand_in == kept
    assert node.commands == [("image", "import", str(archive))]


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n", "9.7.4"),
        ("mariadbd  Ver 10.11.18-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n", "10.11.18"),
    ],
)
def test_the_version_is_read_from_the_servers_words(told: str, version: str) -> None:
    assert parse_version(told) == version


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ["W: old", "W: Failed to fetch http://m/ no such host", "E: Some index files failed"],
            "Failed to fetch http://m/ no such host",
        ),
        (["W: unsandboxed", "E: Unable to locate package x", "E: apt-get failed"], "Unable to locate package x"),
        (["W: something"], "something"),
        ([], ""),
    ],
)
def test_of_many_complaints_the_one_that_says_most_is_shown(lines: list[str], complaint: str) -> None:
    assert main_complaint(lines) == complaint


def test_listening_sockets_are_told_from_others() -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   {n}: {a}:{p:04X} 00000000:0000 {s} 00000000:00000000 00:00000000 00000000     0        0 {i} 1 0 100 0 0 10 0\n"
    rows = [
        ("00000000", 3311, "0A", 71),
        ("00000000", 3311, "01", 72),
        ("00000000", 3306, "0A", 73),
        ("0" * 32, 3311, "0A", 74),
    ]
    text = head + "".join(row.format(n=n, a=a, p=p, s=s, i=i) for n, (a, p, s, i) in enumerate(rows))
    assert listening_inodes(text, 3311) == {"71", "74"}


def test_mounts_are_found_at_and_below_a_directory() -> None:
    text = "".join(f"1 2 0:3 / {point} rw - tmpfs tmpfs rw\n" for point in ("/", "/a", "/a/b", "/ab"))
    assert mounts_below(Path("/a"), text) == ["/a", "/a/b"]
    assert mounts_below(Path("/c"), text) == []


def test_what_a_service_uses_is_not_the_demos_any_more() -> None:
    places = places_for(None)
    made = Made(
        trees=("/opt/mysql", "/var/lib/podstead", "/run/podstead", "/var/log/podstead"),
        directories=("/var/log/pods", "/etc/podstead"),
        files=("/etc/podstead/manifests/static-mysql.yaml",),
    )
    left = without_agents_places(made, places)
    assert (left.trees, left.directories, left.files) == (("/opt/mysql",), ("/etc/podstead",), made.files)


def test_a_service_is_known_by_its_unit(tmp_path: Path) -> None:
    packaged, own = tmp_path / "packaged", tmp_path / "own"
    packaged.mkdir()
    assert not is_installed((own, packaged))
    (packaged / "podstead.service").touch()
    assert is_installed((own, packaged))


def test_who_listens_on_a_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        assert listening_process(tmp_path / "s") == os.getpid()


def test_the_table_says_what_is_not_as_configured() -> None:
    answers = [one.expected or "9.7.4" for one in EXPECTATIONS]
    findings = verify(lambda _: [answers])
    assert all(one.fits for one in findings)
    wrong = Finding(name="port", value="3306", expected="3311")
    assert not wrong.fits
    assert table([wrong, Finding(name="version", value="9.7.4", expected="")]) == [
        "port     3306   NOT as in mysqld.cnf: 3311",
        "version  9.7.4",
    ]


def test_left_out_options_are_found_in_a_log() -> None:
    log = (
        "stand-in: mysqld.cnf:65: x is not known to MySQL 9.7: left out\nstand-in: starting MySQL 9.7, not mysql:5.7\n"
    )
    assert left_out(log) == ["mysqld.cnf:65: x is not known to MySQL 9.7: left out"]


def test_the_headline_is_the_first_line_and_comes_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("undecided")
    progress.text("looked")
    progress.headline("a STAND-IN")
    progress.headline("a STAND-IN again")
    progress.text("done")
    progress.flush()
    assert capsys.readouterr().out.splitlines() == ["a STAND-IN", "looked", "done"]


def test_what_was_held_back_is_printed_without_a_headline(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("undecided")
    progress.text("looked")
    progress.flush()
    assert capsys.readouterr().out.splitlines() == ["looked"]
