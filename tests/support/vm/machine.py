"""One virtual machine: started, asked, rebooted, cut off from its power; nothing of it is left at the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.vm.guest_agent import Done, GuestAgent, GuestAgentError
from tests.support.vm.images import guest_image
from tests.support.vm.payload import make_payload
from tests.support.vm.qemu import Files, Hardware, qemu_command
from tests.support.vm.recipe import GUEST_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.vm.recipe import Recipe
    from tests.supported.environment import Environment

BOOT_SECONDS = 420.0
"""From qemu's start until systemd has started everything; 40 s emulated on a machine that does nothing else."""
END_SECONDS = 180.0
RUN_SECONDS = 120.0
PAYLOAD = "/media/payload"
PLACE = Path("/var/tmp")
"""Where machines' disks are: /tmp may be in memory."""
PREFIX = "ps-vm-"
CONSOLE_LINES = 60
_LOOK_SECONDS = 0.5
_CONTROL = re.compile(r"\x1b(\[[!?0-9;]*[A-Za-z]|.)|\r")
"""Colours, and what a terminal is asked."""


class Machine:
    """A machine of its own disk. Use `virtual_machine`, which ends it."""

    def __init__(self, recipe: Recipe, files: Files, hardware: Hardware) -> None:
        self.recipe = recipe
        self.hardware = hardware
        """Takes effect at the next `start`."""
        self.boots: list[float] = []
        """Seconds that each boot took."""
        self.covered: set[Environment] = set()
        """What an agent was ready on here, for the support table."""
        self.facts = ""
        """What `FACTS` printed: asked once, for it starts every runtime that is installed."""
        self._image = guest_image(recipe)
        self._files = files
        self._process: subprocess.Popen[bytes] | None = None
        self._agent: GuestAgent | None = None
        made = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(self._image.disk), "-F", "raw", str(files.disk)]
        subprocess.run(made, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)

    @property
    def running(self) -> bool:
        """Return True while qemu runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Switch it on and wait until systemd has started what it starts."""
        assert not self.running
        begin = time.monotonic()
        errors = self._files.directory / "qemu.log"
        with errors.open("ab") as log:
            self._process = subprocess.Popen(
                # It ends with this process, whatever ends that.
                ["setpriv", "--pdeathsig=KILL", *qemu_command(self._image, self._files, self.hardware)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._files.agent.exists():
            assert self.running, f"qemu has ended: {errors.read_text()[-500:]}"
            assert time.monotonic() - begin < END_SECONDS, "qemu does not open its sockets"
            time.sleep(0.02)
        self._agent = GuestAgent(self._files.agent)
        self._wait_up(begin)

    def run(self, command: str, *, seconds: float = RUN_SECONDS) -> Done:
        """Run a shell command as root and return how it ended, whatever its exit code.

        Raises:
            GuestAgentError: it took longer, or the guest does not answer.
        """
        return self._asked().run(command, seconds)

    def do(self, command: str, *, seconds: float = RUN_SECONDS) -> str:
        """Run a shell command that must succeed, and return what it printed."""
        done = self.run(command, seconds=seconds)
        assert done.rc == 0, (
            f"{command!r} ended with {done.rc} in the guest:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
        return done.stdout

    def wait(self, command: str, *, seconds: float = RUN_SECONDS, until: Callable[[str], bool] | None = None) -> str:
        """Run a command again and again until it succeeds (and `until` agrees with what it printed); return that."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.run(command, seconds=seconds)
            if done.rc == 0 and (until is None or until(done.stdout)):
                return done.stdout
            assert time.monotonic() < deadline, (
                f"{command!r} is not as wanted after {seconds:.0f} s; it ends with {done.rc}:\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
            )
            time.sleep(_LOOK_SECONDS)

    def put(self, path: str, content: str | bytes, *, mode: int = 0o644) -> None:
        """Write a file of the guest, whole and at once; its directory is made."""
        data = content.encode() if isinstance(content, str) else content
        self.do(f"mkdir -p \"$(dirname '{path}')\"")
        directory, _, name = path.rpartition("/")
        new = f"{directory}/.{name}.new"
        self._asked().put(new, data)
        self.do(f"chmod {mode:o} '{new}' && mv '{new}' '{path}'")

    def get(self, path: str) -> bytes:
        """Read a file of the guest."""
        return self._asked().get(path)

    def reboot(self, command: str = "systemctl reboot") -> None:
        """Reboot it by a command, and wait until it is up again. Qemu goes on."""
        agent = self._asked()
        begin = time.monotonic()
        before = self.boot_id()
        agent.begin(command)
        while time.monotonic() - begin < BOOT_SECONDS:
            with contextlib.suppress(GuestAgentError):
                if agent.sync() and self.boot_id() != before:
                    self._wait_up(begin)
                    return
            assert self.running, "the machine has ended instead of rebooting"
            time.sleep(_LOOK_SECONDS)
        raise AssertionError(f"the machine has not rebooted within {BOOT_SECONDS:.0f} s")

    def shut_down(self) -> None:
        """Switch it off as `systemctl poweroff` does, and wait until it is off."""
        assert self._process is not None
        self._asked().begin("systemctl poweroff")
        self._process.wait(timeout=END_SECONDS)
        self._hang_up()

    def cut_power(self) -> None:
        """Take its power away at this moment: what the guest has not flushed is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=END_SECONDS)
        self._hang_up()

    def boot_id(self) -> str:
        """Return what tells this boot from every other."""
        return self.do("cat /proc/sys/kernel/random/boot_id").strip()

    def console(self) -> str:
        """Return the last lines of the serial console."""
        if not self._files.console.exists():
            return ""
        text = _CONTROL.sub("", self._files.console.read_text(encoding="utf-8", errors="replace"))
        return "\n".join([line for line in text.splitlines() if line.strip()][-CONSOLE_LINES:])

    def _wait_up(self, begin: float) -> None:
        agent = self._asked()
        agent.wait(BOOT_SECONDS - (time.monotonic() - begin))
        # `degraded`: a unit has failed; whether that matters is the test's matter.
        state = agent.run("systemctl is-system-running --wait", BOOT_SECONDS).stdout.strip()
        assert state in {"running", "degraded"}, f"systemd says {state!r}"
        self.do(f"mkdir -p {PAYLOAD} && {{ ! test -b /dev/vdb || mount -o ro /dev/vdb {PAYLOAD}; }}")
        self.boots.append(time.monotonic() - begin)

    def _asked(self) -> GuestAgent:
        assert self._agent is not None, "the machine is off"
        return self._agent

    def _hang_up(self) -> None:
        if self._agent is not None:
            self._agent.close()
        self._agent = self._process = None
        self._files.agent.unlink(missing_ok=True)


@contextlib.contextmanager
def virtual_machine(
    recipe: Recipe, *, payload: Mapping[str, Path] | None = None, hardware: Hardware | None = None
) -> Iterator[Machine]:
    """Give a machine that is off, with a fresh disk; it is ended and its files are removed, whatever happens.

    Args:
        recipe: What is installed.
        payload: Files for /media/payload, by their paths there.
        hardware: Its clock and its network.
    """
    _sweep()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    files = Files(directory=directory)
    machine: Machine | None = None
    owned = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(owned, fcntl.LOCK_EX)
        if payload:
            make_payload(files.payload, payload)
        machine = Machine(recipe, files, hardware or Hardware())
        yield machine
    except BaseException:
        if machine is not None:
            print(f"--- the console of {recipe.name}, its last lines:\n{machine.console()}\n---")
        raise
    finally:
        if machine is not None:
            machine.cut_power()
        os.close(owned)
        shutil.rmtree(directory)


def _sweep() -> None:
    """Remove what killed runs have left: a directory that no process has locked. A minute old, for a run may just begin."""
    for path in PLACE.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - path.stat().st_mtime > 60:  # noqa: TID251 - a file's own time
                    shutil.rmtree(path)
            finally:
                os.close(descriptor)


def bring_checkout(machine: Machine) -> None:
    """Put this checkout's sources beside the `.venv` that the image has, and `podstead` into PATH."""
    machine.do(
        f"cp -a {PAYLOAD}/project/. {GUEST_PROJECT}/ && chown -R root:root {GUEST_PROJECT}"
        f" && ln -sf {GUEST_PROJECT}/.venv/bin/podstead /usr/local/bin/podstead"
    )
