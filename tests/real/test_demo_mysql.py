"""The article's MySQL for real: the demo's command in a network namespace and directories of the test's own.

The stand-in is built once and kept in the demo's cache, so only the first run on a machine needs a package mirror.
Everything else happens between two namespaces with a cable: no port and no directory of the machine is used.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from demo.checks import PORT
from demo.client import ClientNetwork, QueryError, Server, container_process, query
from demo.deployment import root_password
from demo.image import data_family
from demo.node import Node
from demo.packages import read_package_source
from demo.places import CONFIGURATION, SHARED_CACHE, Places, places_for
from demo.stand_in import StandIns, recipes
from demo.verification import verify

from tests.support.netns import NODE_ADDRESS, Hosts, two_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from podstead.k8s import core_v1 as v1

# The demo's agent is a user's: it chooses by itself, and that is crun.
pytestmark = [pytest.mark.real, pytest.mark.oci("crun"), pytest.mark.timeout(400)]

REPOSITORY = Path(__file__).parents[2]
# A machine that does other things at the same time takes several times as long as one that does not.
POD_SECONDS = 120.0
# Building a stand-in takes 25 s where its packages come at once.
RUN_SECONDS = 360.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A demo below one directory, on a node of its own; `hosts.other` is another host on its cable."""

    places: Places
    under: Path
    hosts: Hosts

    @property
    def node(self) -> Node:
        """Its agent."""
        return Node(self.places)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m demo` on the node."""
        return subprocess.run(
            ["nsenter", f"--net={self.hosts.node}", sys.executable, "-m", "demo", *words, f"--under={self.under}"],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def container(self) -> str:
        """Return the id of the pod's running container; empty when none runs."""
        pod = self.node.pod()
        status = pod.status if pod is not None else None
        found = status.container_statuses if status is not None else ()
        running = [one for one in found if one.state is not None and one.state.running is not None]
        return (running[0].container_id or "").rpartition("/")[2] if running else ""

    def restarts(self) -> int:
        """Return how often the pod's container was restarted."""
        pod = self.node.pod()
        assert pod is not None
        assert pod.status is not None
        return pod.status.container_statuses[0].restart_count

    def ask(self, sql: str, *, port: int = PORT) -> list[list[str]]:
        """Query the server as root from the other host."""
        process = container_process(self.container() or "none")
        if process is None:
            raise QueryError("no container runs")
        server = Server(
            address=NODE_ADDRESS, port=port, user="root", password=root_password(self.places.manifest.read_bytes())
        )
        return query(ClientNetwork(namespace=self.hosts.other), process, server, sql)

    def wait_answer(self, *, port: int = PORT, seconds: float = POD_SECONDS) -> None:
        """Wait until the server answers."""
        until(lambda: self.answers(port), seconds, f"nobody answers at {port}")

    def answers(self, port: int) -> bool:
        """Return True when the server answers a query at the port."""
        with contextlib.suppress(QueryError):
            return self.ask("SELECT 1", port=port) == [["1"]]
        return False

    def remove_pod(self) -> None:
        """Take the manifest away and wait until the pod is gone."""
        self.places.manifest.unlink()
        until(lambda: self.node.pod() is None, POD_SECONDS, "the pod is still there")

    def put(self, path: Path, text: str) -> None:
        """Put a file in its place, whole."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{complaint} after {seconds:.0f} s"
        time.sleep(0.2)


@contextlib.contextmanager
def demo_node() -> Iterator[Demo]:
    """Give a node on which nothing of the demo is yet; everything that it makes is removed."""
    under = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, under)
        hosts = cleaning.enter_context(two_hosts(under))
        demo = Demo(places=places_for(under / "d"), under=under / "d", hosts=hosts)
        cleaning.callback(lambda: _uninstall(demo))
        yield demo


def _uninstall(demo: Demo) -> None:
    done = demo.command("uninstall")
    assert done.returncode == 0, done.stderr
    left = [str(path) for path in demo.under.rglob("*")] if demo.under.exists() else []
    assert left == []
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert str(demo.under) not in mounts


@pytest.fixture(scope="module", autouse=True)
def stand_ins() -> None:
    """Both stand-ins in the demo's cache: the test's own network leads to no package mirror, the machine's does."""
    source = read_package_source()
    shelf = StandIns(SHARED_CACHE, print)
    for recipe in recipes(source.release):
        if shelf.find(recipe) is None:
            shelf.build(recipe, source)


@pytest.fixture(scope="module")
def fresh_demo(stand_ins: None) -> Iterator[tuple[Demo, subprocess.CompletedProcess[str]]]:
    """A demo that was run, and what its command printed."""
    with demo_node() as demo:
        yield demo, demo.command("run", "--stand-in=MySQL")


@pytest.fixture
def demo(fresh_demo: tuple[Demo, subprocess.CompletedProcess[str]]) -> Demo:
    """The demo, its pod running as deployed, whatever the test before did."""
    demo, first = fresh_demo
    assert first.returncode == 0, first.stderr
    places = demo.places
    wanted = places.manifest_text(), CONFIGURATION.read_text(encoding="utf-8")
    if not places.manifest.exists() or (places.manifest.read_text(), places.configuration.read_text()) != wanted:
        if places.manifest.exists():
            demo.remove_pod()
        demo.put(places.configuration, wanted[1])
        demo.put(places.manifest, wanted[0])
    demo.wait_answer()
    return demo


def test_the_run_says_what_it_is_from_its_first_line_to_its_last(
    fresh_demo: tuple[Demo, subprocess.CompletedProcess[str]],
) -> None:
    demo, done = fresh_demo
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("This is a STAND-IN for mysql:5.7.39")
    assert lines[-1].startswith("Remember, this is a STAND-IN: MySQL ")
    assert "docker save mysql:5.7.39" in lines[-1]
    left_out = [line.split()[0] + " " + line.split()[1] for line in lines if line.endswith(": left out")]
    assert left_out == ["mysqld.cnf:65: innodb_log_file_size", "mysqld.cnf:66: innodb_log_files_in_group"]
    header = next(
        n for n, line in enumerate(lines) if line.split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    )
    name = demo.node.status().node
    assert lines[header + 1].split()[:5] == ["kube-system", f"mysql-{name}", "1/1", "Running", "0"]
    assert "make stop" in done.stdout
    assert "root password 123456 is the article's" in done.stdout
    assert demo.places.configuration.read_bytes() == CONFIGURATION.read_bytes()


def test_another_host_finds_what_the_configuration_promises(demo: Demo) -> None:
    findings = {one.name: one for one in verify(demo.ask)}
    assert [name for name, one in findings.items() if not one.fits] == []
    assert findings["port"].value == "3311"
    assert findings["character_set_server"].value == "utf8mb4"
    assert findings["long_query_time"].value == "0.1"
    assert demo.ask("SELECT CURRENT_USER()") == [["root@%"]]
    assert (demo.places.data / "mysql_binlog.index").exists()
    assert data_family(demo.places.data) == "MySQL"


def test_a_wrong_password_is_refused(demo: Demo) -> None:
    process = container_process(demo.container())
    assert process is not None
    server = Server(address=NODE_ADDRESS, port=PORT, user="root", password="654321")
    with pytest.raises(QueryError, match="Access denied"):
        query(ClientNetwork(namespace=demo.hosts.other), process, server, "SELECT 1")


def test_the_stand_in_is_labelled_as_what_it_is(demo: Demo) -> None:
    held = [image for image in demo.node.images() if "docker.io/library/mysql:5.7.39" in image.tags]
    assert len(held) == 1
    archives = [path for path in demo.places.cache.glob("stand-in-mysql-*.json") if held[0].id in path.read_text()]
    assert len(archives) == 1
    labels = _labels(archives[0].with_suffix(".tar"), held[0].id)
    assert labels["org.opencontainers.image.title"] == "stand-in for mysql:5.7.39"
    version = labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.description"] == f"MySQL {version} from Debian sid, not Docker's image"
    assert demo.ask("SELECT VERSION()")[0][0].startswith(version)


def _labels(archive: Path, image: str) -> dict[str, str]:
    blob = f"blobs/sha256/{image.removeprefix('sha256:')}"
    told = subprocess.run(["tar", "-xOf", str(archive), blob], capture_output=True, check=True, timeout=60).stdout
    labels: dict[str, str] = json.loads(told)["config"]["Labels"]
    return labels


def test_data_survive_the_pod(demo: Demo) -> None:
    demo.ask("CREATE DATABASE IF NOT EXISTS kept; CREATE OR REPLACE VIEW kept.nothing AS SELECT 1")
    demo.ask(
        "DROP TABLE IF EXISTS kept.words; CREATE TABLE kept.words (word VARCHAR(20)); INSERT INTO kept.words VALUES ('后')"
    )
    before = demo.container()
    manifest = demo.places.manifest.read_text(encoding="utf-8")
    demo.remove_pod()
    assert container_process(before) is None
    demo.put(demo.places.manifest, manifest)
    demo.wait_answer()
    assert demo.container() != before
    assert demo.ask("SELECT word FROM kept.words") == [["后"]]


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = demo.container()
    done = demo.command("run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("This is a STAND-IN for mysql:5.7.39: MySQL ")
    assert demo.container() == before


def test_a_stop_ends_the_pod_and_a_run_goes_on_with_the_data(demo: Demo) -> None:
    demo.ask("CREATE DATABASE IF NOT EXISTS stopped")
    process = container_process(demo.container())
    for _ in range(2):
        done = demo.command("stop")
        assert done.returncode == 0, done.stderr
    assert not demo.node.running()
    assert not Path(f"/proc/{process}").exists()
    assert demo.places.data.is_dir()
    done = demo.command("run")
    assert done.returncode == 0, done.stderr
    assert demo.ask("SHOW DATABASES LIKE 'stopped'") == [["stopped"]]


def test_the_configuration_may_come_after_the_manifest(demo: Demo) -> None:
    """As the article stands: 15 s, then 8 failures 5 s apart, until the liveness probe restarts the container."""
    manifest = _start_without_configuration(demo, demo.places.manifest.read_text(encoding="utf-8"))
    assert manifest == demo.places.manifest_text()
    demo.put(demo.places.configuration, CONFIGURATION.read_text(encoding="utf-8"))
    begin = time.monotonic()
    demo.wait_answer(seconds=240)
    assert time.monotonic() - begin > 20, "only the probe's own delays make the server read its configuration"
    assert demo.restarts() >= 1
    assert [one.name for one in verify(demo.ask) if not one.fits] == []


def test_the_configuration_may_come_after_the_probe_has_restarted_the_server(demo: Demo) -> None:
    """The article's minute, shortened: the first restart finds no configuration yet, the second one does."""
    manifest = demo.places.manifest.read_text(encoding="utf-8")
    for article, short in (
        ("initialDelaySeconds: 15", "initialDelaySeconds: 10"),
        ("periodSeconds: 5", "periodSeconds: 1"),
    ):
        assert article in manifest
        manifest = manifest.replace(article, short)
    _start_without_configuration(demo, manifest)
    until(lambda: demo.restarts() >= 1, POD_SECONDS, "the liveness probe has not restarted the container")
    demo.put(demo.places.configuration, CONFIGURATION.read_text(encoding="utf-8"))
    demo.wait_answer(seconds=180)
    assert [one.name for one in verify(demo.ask) if not one.fits] == []


def _start_without_configuration(demo: Demo, manifest: str) -> str:
    """Start anew on an empty data directory and an empty configuration; wait for the server's own port."""
    demo.remove_pod()
    demo.places.configuration.unlink()
    shutil.rmtree(demo.places.data)
    demo.put(demo.places.manifest, manifest)
    demo.wait_answer(port=3306)
    assert not demo.answers(PORT)
    return demo.places.manifest.read_text(encoding="utf-8")


def test_docker_s_contract_is_kept(demo: Demo) -> None:
    """Databases, users and odd passwords; on the host network, at a port of its own, on files laid out otherwise."""
    password = r"""it's a \ "test" $HOME `id`"""
    volumes = demo.under / "contract"
    _put_pod(
        demo,
        "contract",
        volumes,
        args=["--port=3320", "--lower-case-table-names=1"],
        env={
            "MYSQL_ROOT_PASSWORD": password,
            "MYSQL_DATABASE": "my_data",
            "MYSQL_USER": "app",
            "MYSQL_PASSWORD": "o'ne",
        },
    )
    root = Server(address=NODE_ADDRESS, port=3320, user="root", password=password)
    app = Server(address=NODE_ADDRESS, port=3320, user="app", password="o'ne")
    try:
        assert _answer(demo, "contract", root, "SHOW DATABASES LIKE 'my_data'") == [["my_data"]]
        assert _answer(demo, "contract", app, "SHOW DATABASES LIKE 'my%'") == [["my_data"]]
        assert _answer(demo, "contract", app, "CREATE TABLE my_data.t (a INT); SHOW TABLES FROM my_data") == [["t"]]
        assert _answer(demo, "contract", root, "SELECT @@lower_case_table_names") == [["1"]]
        # In a grant an underscore that is not escaped would stand for any letter.
        with pytest.raises(QueryError, match="Access denied"):
            _query(demo, "contract", app, "CREATE DATABASE myXdata")
        log = demo.node.pod_log(f"contract-{demo.node.status().node}", "default")
        assert password not in log
    finally:
        _drop_pod(demo, "contract", volumes)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "no password is given: set one of MYSQL_ROOT_PASSWORD"),
        ({"ibdata1": "precious"}, "were not made by this stand-in"),
        ({".podstead-engine": "MariaDB 10.11\n", "ibdata1": "precious"}, "are MariaDB 10.11's and stay untouched"),
    ],
    ids=["no password", "data of others", "data of another engine"],
)
def test_what_it_may_not_start_on_it_refuses_in_one_sentence(demo: Demo, files: dict[str, str], sentence: str) -> None:
    volumes = demo.under / "refused"
    (volumes / "data").mkdir(parents=True)
    for name, text in files.items():
        (volumes / "data" / name).write_text(text, encoding="utf-8")
    _put_pod(demo, "refused", volumes, args=["--port=3321"], env={})
    name = f"refused-{demo.node.status().node}"
    try:
        until(lambda: _phase(demo, name) == "Failed", POD_SECONDS, "the pod has not failed")
        assert sentence in demo.node.pod_log(name, "default")
        assert {path.name: path.read_text() for path in (volumes / "data").iterdir()} == files
    finally:
        _drop_pod(demo, "refused", volumes)


def _put_pod(demo: Demo, name: str, volumes: Path, *, args: list[str], env: dict[str, str]) -> None:
    volume = {"name": "data", "hostPath": {"path": str(volumes / "data"), "type": "DirectoryOrCreate"}}
    container = {
        "name": "mysql",
        "image": "mysql:5.7.39",
        "args": args,
        "env": [{"name": key, "value": value.replace("$", "$$")} for key, value in env.items()],
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"hostNetwork": True, "restartPolicy": "Never", "containers": [container], "volumes": [volume]},
    }
    demo.put(demo.places.manifests / f"{name}.json", json.dumps(pod))


def _drop_pod(demo: Demo, name: str, volumes: Path) -> None:
    (demo.places.manifests / f"{name}.json").unlink()
    full = f"{name}-{demo.node.status().node}"
    until(lambda: all(pod.metadata.name != full for pod in demo.node.pods()), POD_SECONDS, f"{full} is still there")
    shutil.rmtree(volumes)


def _pod(demo: Demo, name: str) -> v1.Pod | None:
    return next((pod for pod in demo.node.pods() if pod.metadata.name == name), None)


def _phase(demo: Demo, name: str) -> str | None:
    pod = _pod(demo, name)
    return pod.status.phase if pod is not None and pod.status is not None else None


def _query(demo: Demo, name: str, server: Server, sql: str) -> list[list[str]]:
    pod = _pod(demo, f"{name}-{demo.node.status().node}")
    found = pod.status.container_statuses if pod is not None and pod.status is not None else ()
    process = container_process((found[0].container_id or "none").rpartition("/")[2]) if found else None
    if process is None:
        raise QueryError("no container runs")
    return query(ClientNetwork(namespace=demo.hosts.other), process, server, sql)


def _answer(demo: Demo, name: str, server: Server, sql: str) -> list[list[str]]:
    def answers() -> bool:
        with contextlib.suppress(QueryError):
            return _query(demo, name, server, "SELECT 1") == [["1"]]
        return False

    until(answers, POD_SECONDS, f"{name} does not answer")
    return _query(demo, name, server, sql)


def test_mariadb_stands_in_where_no_mysql_can_be_had() -> None:
    with demo_node() as demo:
        done = demo.command("run", "--stand-in=MariaDB")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith("Remember, this is a STAND-IN: MariaDB ")
        assert "gtid_mode is not known to MariaDB" in done.stdout
        assert "MariaDB" in demo.ask("SELECT VERSION()")[0][0]
        assert [one.name for one in verify(demo.ask) if not one.fits] == []
        assert data_family(demo.places.data) == "MariaDB"


def test_a_database_directory_of_others_is_refused_untouched() -> None:
    with demo_node() as demo:
        demo.places.mysql.mkdir(parents=True)
        done = demo.command("run")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert f"{demo.places.mysql} is there and was not made by this demo" in done.stderr
        assert [path.name for path in demo.under.rglob("*")] == ["mysql"]
        demo.places.mysql.rmdir()
        demo.under.rmdir()
