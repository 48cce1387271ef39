"""`make run`: the article's MySQL as a static pod, from nothing to an answered query."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.checks import PORT, check_machine, check_root
from demo.client import Server, client_network
from demo.deployment import deploy_configuration, deploy_manifest, prepare_manifests, root_password
from demo.errors import DemoError
from demo.image import Image, Images, data_family
from demo.node import NAMESPACE, Node
from demo.progress import Progress
from demo.record import Record
from demo.service import is_installed
from demo.stand_in import StandIns
from demo.verification import left_out, table, verify
from demo.waiting import ANSWER_SECONDS, Session, server_address, wait_for_login

if TYPE_CHECKING:
    from demo.places import Places
    from podstead.server.port import NodeStatusReport

SYSTEMD = Path("/run/systemd/system")
"""There where systemd is the init system (sd_booted(3))."""
_UNDECIDED = (
    "The article's MySQL as a static pod. A registry is being asked for mysql:5.7.39; where none gives it, "
    "a STAND-IN from Debian packages is run."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked for."""

    stand_in: str = ""
    """A family of stand-ins, `MySQL` or `MariaDB`, without asking a registry; empty: the real image first."""
    archive: Path | None = None
    """The real image, as `docker save` writes it."""


class Run:
    """One run, step by step."""

    def __init__(self, places: Places, wish: Wish) -> None:
        self._places = places
        self._wish = wish
        self._record = Record(places)
        self._node = Node(places)
        self._progress = Progress(_UNDECIDED)
        self._images = Images(self._node, StandIns(places.cache, self._progress.detail), self._progress.detail)

    def run(self) -> int:
        """Run everything; idempotent. Raises DemoError and `PodsteadError`."""
        try:
            return self._run()
        finally:
            self._progress.flush()

    def _run(self) -> int:
        progress, places = self._progress, self._places
        progress.step("looking at this machine")
        check_root()
        check_machine(places, self._record)
        self._record.begin()
        prepare_manifests(places, self._record)
        status = self._start_agent()
        image = self._get_image()
        progress.step("deploying the article's files")
        deploy_configuration(places, self._record, progress.detail)
        deploy_manifest(places, self._record, progress.detail)
        with ExitStack() as stack:
            network = stack.enter_context(client_network())
            address = server_address(status.address, network)
            progress.step(f"waiting for a client in another network namespace to log in at {address}:{PORT}")
            password = root_password(places.manifest.read_bytes())
            server = Server(address=address, port=PORT, user="root", password=password)
            session = wait_for_login(self._node, places, network, server, progress.detail, seconds=ANSWER_SECONDS)
            fits = self._show(session)
        self._say_more(status, image)
        if not fits:
            raise DemoError(f"the server does not work as {places.configuration} says: see the table above")
        return 0

    def _start_agent(self) -> NodeStatusReport:
        places, progress = self._places, self._progress
        if self._node.running():
            progress.step("the agent runs already")
            status = self._node.wait_ready(None)
            if status.directory != str(places.manifests):
                raise DemoError(
                    f"the agent that runs here watches {status.directory or 'no directory'}, not {places.manifests}: "
                    f"copy demo/mysql/static-mysql.yaml there yourself, or stop it with 'podstead stop-all' first"
                )
            return status
        progress.step("starting the agent with its private containerd")
        trees = (places.state, places.socket.parent, places.log.parent)
        self._record.add(
            trees=tuple(path for path in trees if not path.exists()),
            # Other agents of this machine may keep their pods' logs there later.
            directories=() if places.pod_logs.exists() else (places.pod_logs,),
            files=(places.log,),
        )
        self._record.set_agent(ours=True)
        status = self._node.wait_ready(self._node.start())
        runtime = status.runtime
        progress.detail(
            f"node {status.node}, {runtime.name} {runtime.version} with {runtime.oci_runtime}, log {places.log}"
        )
        return status

    def _get_image(self) -> Image:
        progress, places = self._progress, self._places
        if self._wish.archive is not None:
            if family := data_family(places.data):
                raise DemoError(
                    f"the data in {places.data} are {family}'s, which the real image cannot read: make uninstall"
                )
            progress.step(f"importing {self._wish.archive}")
            image: Image | None = self._images.from_archive(self._wish.archive)
        else:
            image = self._images.present(places.data)
        if image is None:
            image = self._fetch_image(data_family(places.data))
        progress.headline(_headline(image))
        return image

    def _fetch_image(self, family: str) -> Image:
        """Pull the image, or get a stand-in; `family` is that of the stand-in that made the data."""
        progress = self._progress
        if family:
            reason = f"the data in {self._places.data} are {family}'s, made by a stand-in: no registry is asked"
        elif family := self._wish.stand_in:
            reason = f"{family} was asked for: no registry is asked"
        else:
            progress.step("asking a registry for mysql:5.7.39")
            reason = self._images.pull()
        if not reason:
            return Image(stand_in=None)
        progress.headline("This is a STAND-IN for mysql:5.7.39: a server from Debian packages, not Docker's image.")
        progress.detail(reason)
        progress.step("getting the stand-in")
        image = self._images.stand_in(family)
        if image.stand_in is not None:
            progress.detail(f"the stand-in is {image.stand_in.description}")
        return image

    def _show(self, session: Session) -> bool:
        """Print what the server and the agent say; return True when the server works as its configuration says."""
        progress = self._progress
        findings = verify(session.query)
        progress.step("a client has logged in as root and asked:")
        for line in table(findings):
            progress.detail(line)
        pod = self._node.pod()
        if pod is not None and pod.metadata.name:
            for line in left_out(self._node.pod_log(pod.metadata.name)):
                progress.detail(line)
        progress.step("the pods of this node, 'podstead get po -A':")
        progress.text(self._node.command("get", "po", "-A").rstrip("\n"))
        return all(finding.fits for finding in findings)

    def _say_more(self, status: NodeStatusReport, image: Image) -> None:
        places, progress = self._places, self._progress
        means = "".join(f" {word}" for word in self._node.socket_arguments)
        pod = f"-n {NAMESPACE} mysql-{status.node}"
        progress.text()
        progress.text("Look further (as root):")
        for command in ("status", "get files", f"describe pod {pod}", f"logs {pod}", "get events -A"):
            progress.text(f"  .venv/bin/podstead {command}{means}")
        progress.text(
            f"Manifest: {places.manifest}; edit it and the pod follows. Configuration and data: {places.mysql}"
        )
        progress.text(
            "The root password 123456 is the article's, and the server listens on every address of this machine: "
            "change it (ALTER USER 'root'@'%' IDENTIFIED BY '…')."
        )
        if SYSTEMD.is_dir() and places.root is None and not is_installed():
            progress.text("Have it run after every boot: make service.")
        progress.text("Stop it, data stay: make stop. Remove all that was made, data included: make uninstall.")
        progress.text(_last_line(image, places))


def _headline(image: Image) -> str:
    if image.stand_in is None:
        return "The article's MySQL as a static pod, with the image mysql:5.7.39."
    return f"This is a STAND-IN for mysql:5.7.39: {image.stand_in.description}."


def _last_line(image: Image, places: Places) -> str:
    if image.stand_in is None:
        return f"The server is the image mysql:5.7.39 that the runtime holds; its data are in {places.data}."
    return (
        f"Remember, this is a STAND-IN: {image.stand_in.description}. For the real mysql:5.7.39 'make uninstall' first, "
        "then 'make run' where a registry answers (mirrors, credentials and proxies: registries in "
        "/etc/podstead/config.yaml), or 'make run IMAGE=FILE.tar' with what 'docker save mysql:5.7.39' wrote elsewhere."
    )
