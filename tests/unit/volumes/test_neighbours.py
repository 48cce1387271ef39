"""What pods call each other, and how their hosts files are kept up to date under containers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.volumes.files import change_in_place
from podstead.volumes.hostname import PodHostname
from podstead.volumes.hosts import NEIGHBOURS_BEGIN, NEIGHBOURS_END, pod_network_hosts, renewed
from podstead.volumes.neighbours import Neighbour, Neighbourhood

if TYPE_CHECKING:
    from pathlib import Path


def pod(name: str, ip: str, namespace: str = "default") -> Neighbour:
    return Neighbour(namespace=namespace, name=name, full=f"{name}-node1", ips=(ip,))


WEB, DB, PROD = pod("web", "10.88.0.2"), pod("db", "10.88.0.3"), pod("db", "10.88.0.4", "prod")
ALL = Neighbourhood((DB, PROD, WEB))
NAME = PodHostname(hostname="web-node1", short="web-node1")


def table(text: str) -> dict[str, str]:
    """Return the address of each name as a resolver finds it: the first one counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            found.setdefault(name, words[0])
    return found


def test_names_within_a_namespace_and_from_any() -> None:
    assert table(ALL.seen_from("default").lines(())) == {
        "web": "10.88.0.2",
        "web-node1": "10.88.0.2",
        "web.default": "10.88.0.2",
        "web-node1.default": "10.88.0.2",
        "db": "10.88.0.3",
        "db-node1": "10.88.0.3",
        "db.default": "10.88.0.3",
        "db-node1.default": "10.88.0.3",
        "db.prod": "10.88.0.4",
        "db-node1.prod": "10.88.0.4",
    }
    assert table(ALL.seen_from("prod").lines(()))["db"] == "10.88.0.4"
    assert "db" not in table(ALL.seen_from("elsewhere").lines(()))


def test_what_is_named_shorter_is_meant_sooner() -> None:
    """A name may have dots, and look like another pod's name with its namespace or the node's suffix."""
    dotted, suffixed = pod("db.prod", "10.88.0.5"), pod("web-node1", "10.88.0.6")
    names = table(Neighbourhood((DB, PROD, WEB, dotted, suffixed)).seen_from("default").lines(()))
    assert (names["db.prod"], names["db-node1.prod"]) == ("10.88.0.5", "10.88.0.4")
    assert (names["web-node1"], names["web"]) == ("10.88.0.6", "10.88.0.2")


def test_lines_are_short_enough_for_musl() -> None:
    long = Neighbour(namespace="n", name="a" * 240, full="a" * 240 + "-node1", ips=("10.88.0.2", "10.88.0.3"))
    lines = Neighbourhood((long,)).seen_from("n").lines(()).splitlines()
    assert max(len(line) for line in lines) < 512
    assert len(lines) == 8


def test_aliases_and_the_pods_own_name_win() -> None:
    aliases = (v1.HostAlias(ip="192.0.2.7", hostnames=("db", "localhost.localdomain")),)
    text = pod_network_hosts(NAME, ("10.88.0.2",), aliases, ALL.seen_from("default"))
    names = table(text)
    assert (names["db"], names["db.default"], names["web-node1"]) == ("192.0.2.7", "10.88.0.3", "10.88.0.2")
    assert [line for line in text.splitlines() if "\tdb\t" in f"{line}\t"] == ["192.0.2.7\tdb\tlocalhost.localdomain"]
    assert text.endswith(f"{NEIGHBOURS_END}\n")


def test_a_pod_called_localhost_is_not_the_loopback() -> None:
    odd = Neighbourhood((pod("localhost", "10.88.0.9"),))
    names = table(pod_network_hosts(NAME, ("10.88.0.2",), (), odd.seen_from("default")))
    assert (names["localhost"], names["localhost.default"]) == ("127.0.0.1", "10.88.0.9")


def test_only_the_part_about_the_nodes_pods_is_renewed() -> None:
    text = pod_network_hosts(NAME, ("10.88.0.2",), (), ALL.seen_from("default"))
    edited = text + "192.0.2.9\tmine db\n"  # an entrypoint's own line
    less = Neighbourhood((WEB, DB)).seen_from("default")
    new = renewed(edited, less)
    assert new.endswith("192.0.2.9\tmine db\n")
    assert (table(new)["db"], "db.prod" in table(new)) == ("192.0.2.9", False)
    assert renewed(new, ALL.seen_from("default")).startswith(text[: text.index(NEIGHBOURS_BEGIN)])
    assert renewed(new, less) == new


def test_the_part_is_taken_away_and_a_file_without_it_is_left_alone() -> None:
    text = pod_network_hosts(NAME, ("10.88.0.2",), (), ALL.seen_from("default"))
    plain = pod_network_hosts(NAME, ("10.88.0.2",), ())
    assert renewed(text, None) == plain
    assert renewed(plain, ALL.seen_from("default")) == plain
    broken = text.replace(f"{NEIGHBOURS_END}\n", "")
    assert renewed(broken, ALL.seen_from("default")) == broken


def test_a_reader_finds_no_empty_file_and_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    many = Neighbourhood(tuple(pod(f"web{n}", f"10.88.1.{n}") for n in range(200))).seen_from("default")
    few = Neighbourhood((WEB,)).seen_from("default")
    path.write_text(pod_network_hosts(NAME, ("10.88.0.2",), (), few))
    inode, whole = path.stat().st_ino, set(table(path.read_text())) | set(table(many.lines(())))
    stopping, wrong = threading.Event(), []

    def read() -> None:
        while not stopping.is_set():
            found = path.read_text()
            if not found.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"):
                wrong.append(found[:100])
            if len(found) < 4096 and (strange := set(table(found)) - whole):
                wrong.append(str(strange))

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(300):
        change_in_place(path, lambda text, names=many if round_ % 2 == 0 else few: renewed(text, names))  # type: ignore[misc]  # the loop's own
    stopping.set()
    reader.join(10)
    assert wrong == []
    assert path.stat().st_ino == inode


def test_what_is_not_there_or_has_grown_beyond_reason_is_left_alone(tmp_path: Path) -> None:
    change_in_place(tmp_path / "none", lambda text: text + "x")
    assert not (tmp_path / "none").exists()
    large = tmp_path / "large"
    large.write_bytes(b"#" * (2 << 20))
    change_in_place(large, lambda _: "")
    assert large.stat().st_size == 2 << 20
    raw = tmp_path / "raw"
    raw.write_bytes(b"\xff\xfe not text\n")
    change_in_place(raw, lambda text: f"{text}more\n")
    assert raw.read_bytes() == b"\xff\xfe not text\nmore\n"
