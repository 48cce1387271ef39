"""The lock: taken, held, long enough, released, taken again; and whose word counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jeepney import DBusAddress, HeaderFields, new_signal

from podstead.logind.bus import DAEMON, Signal
from podstead.logind.manager import INTERFACE, PATH, PREPARE, LoginManager
from tests.simulators.login1 import BusDaemon, SimulatedLogin, _Served

from .conftest import until

if TYPE_CHECKING:
    from .conftest import Kept


def descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


async def test_the_lock_is_held_until_it_is_released(login: SimulatedLogin, kept: Kept) -> None:
    assert login.held == 0
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    await until("it is known", lambda: kept.lock.state.held)
    login.begin()
    await until("it is told", lambda: kept.watcher.told == ["begins"])
    assert login.held == 1
    kept.lock.release()
    await until("the machine may go down", lambda: login.held == 0)
    assert not kept.lock.state.held


async def test_the_lock_ends_with_the_agent(login: SimulatedLogin, kept: Kept) -> None:
    before = descriptors()
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    await kept.stop()
    assert login.held == 0
    login.close()
    assert descriptors() <= before


async def test_a_shutdown_that_is_called_off_is_told_and_the_next_is_delayed_again(
    login: SimulatedLogin, kept: Kept
) -> None:
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    login.begin()
    await until("it is told", lambda: kept.watcher.told == ["begins"])
    kept.lock.release()
    login.call_off()
    await until("it is told", lambda: kept.watcher.told == ["begins", "called off"])
    await until("the lock is held again", lambda: login.held == 1)
    login.begin()
    await until("it is told", lambda: kept.watcher.told == ["begins", "called off", "begins"])


async def test_called_off_before_the_lock_was_released_the_same_one_stays(login: SimulatedLogin, kept: Kept) -> None:
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    login.begin()
    login.call_off()
    await until("it is told", lambda: kept.watcher.told == ["begins", "called off"])
    assert login.held == 1
    assert len(login._locks) == 1


async def test_logind_that_restarts_is_asked_for_another_lock_before_the_old_one_goes(
    daemon: BusDaemon, login: SimulatedLogin, kept: Kept
) -> None:
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    login.stop()
    await until("it is seen", lambda: kept.lock.state.absent == "logind does not run")
    assert login.held == 1  # logind finds it again by its file
    await login.start(daemon.address)
    await until("there is another lock", lambda: len(login._locks) == 2)
    await until("the old one is gone", lambda: login.held == 1)
    assert login.held_before == [0, 1]
    login.begin()
    await until("the new one is heard", lambda: kept.watcher.told == ["begins"])


async def test_a_bus_that_restarts_costs_no_lock(daemon: BusDaemon, login: SimulatedLogin, kept: Kept) -> None:
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    daemon.stop()
    login.stop()
    await until("it is lost", lambda: not kept.lock.state.held or kept.lock.state.absent)
    assert login.held == 1
    await daemon.start()
    await login.start(daemon.address)
    await until("there is another lock", lambda: len(login._locks) == 2 and login.held == 1)
    assert login.held_before == [0, 1]
    login.begin()
    await until("it is heard", lambda: kept.watcher.told == ["begins"])


async def test_a_shutdown_that_began_while_nothing_was_heard_is_found(
    daemon: BusDaemon, login: SimulatedLogin, kept: Kept
) -> None:
    login.preparing = True
    kept.start()
    await until("it is told", lambda: kept.watcher.told == ["begins"])
    assert login.held == 0  # there is none to be had any more


async def test_a_signal_of_somebody_else_ends_no_pods(daemon: BusDaemon, login: SimulatedLogin, kept: Kept) -> None:
    kept.start()
    await until("the lock is held", lambda: login.held == 1)
    stranger = await _Served.connect(daemon.address)
    assert isinstance(stranger, _Served)
    names = await stranger.call(DAEMON, "ListNames")
    for name in [one for one in names if one.startswith(":")]:
        forged = new_signal(DBusAddress(PATH, interface=INTERFACE), PREPARE, "b", (True,))
        forged.header.fields[HeaderFields.destination] = name
        stranger.send(forged)
    await stranger.call(DAEMON, "GetId")  # the daemon takes things in their order: what was forged is on its way
    stranger.close()
    kept.needed = 65.0
    await until("something was heard after it", lambda: login.reloads == 1)
    assert kept.watcher.told == []


async def test_logind_waits_as_long_as_pods_need(login: SimulatedLogin, kept: Kept, directory: Path) -> None:
    kept.needed = 65.0
    kept.start()
    await until("it is raised", lambda: login.delay_seconds == 90.0)
    await until("it is known", lambda: kept.lock.state.delay == 90.0)
    assert kept.lock.state.trouble == ""
    assert login.reloads == 1
    kept.needed = 91.0
    await until("it is raised again", lambda: login.delay_seconds == 120.0)
    kept.needed = 10.0
    await until("what is enough stays", lambda: kept.lock.state.delay == 120.0)
    assert login.reloads == 2
    assert [file.name for file in (directory / "logind.conf.d").iterdir()] == ["99-podstead.conf"]


async def test_what_an_administrator_allows_beyond_that_is_left_alone(
    login: SimulatedLogin, kept: Kept, directory: Path
) -> None:
    login.delay_seconds = 600.0
    kept.needed = 100.0
    kept.start()
    await until("it is known", lambda: kept.lock.state.delay == 600.0)
    assert login.reloads == 0
    assert not (directory / "logind.conf.d").exists()


async def test_a_setting_that_wins_over_ours_is_told(login: SimulatedLogin, kept: Kept, directory: Path) -> None:
    drop_ins = directory / "logind.conf.d"
    drop_ins.mkdir()
    (drop_ins / "99-zz.conf").write_text("[Login]\nInhibitDelayMaxSec=7\n", encoding="utf-8")
    login.delay_seconds = 7.0
    kept.needed = 40.0
    kept.start()
    await until("it is told", lambda: kept.lock.state.trouble)
    assert kept.lock.state.held
    assert kept.lock.state.trouble.startswith("logind waits 7 s for pods that need 40 s to end: another file than ")


async def test_a_drop_in_that_cannot_be_written_is_told(login: SimulatedLogin, kept: Kept, directory: Path) -> None:
    (directory / "logind.conf.d").write_text("in the way", encoding="utf-8")
    kept.needed = 40.0
    kept.start()
    await until("it is told", lambda: "cannot write" in kept.lock.state.trouble)
    assert login.held == 1


async def test_a_lock_that_is_refused_is_told_and_asked_for_again(login: SimulatedLogin, kept: Kept) -> None:
    login.refuses = True
    kept.start()
    await until("it is told", lambda: kept.lock.state.trouble == "Permission denied")
    login.refuses = False
    await until("the lock is held", lambda: login.held == 1)
    await until("nothing is wrong", lambda: kept.lock.state.trouble == "")


async def test_without_a_bus_nothing_is_wrong_and_one_that_comes_is_found(directory: Path, kept: Kept) -> None:
    kept.start()
    await until("it is said", lambda: kept.lock.state.absent == f"there is no D-Bus system bus at {directory / 'bus'}")
    assert kept.lock.state.trouble == ""
    daemon, login = BusDaemon(directory), SimulatedLogin(directory / "logind.conf.d")
    await daemon.start()
    try:
        await until("logind is missed", lambda: kept.lock.state.absent == "logind does not run")
        await login.start(daemon.address)
        await until("the lock is held", lambda: login.held == 1)
    finally:
        login.close()
        daemon.stop()


async def test_a_socket_without_a_daemon_is_told(directory: Path, kept: Kept) -> None:
    daemon = BusDaemon(directory)
    await daemon.start()
    assert daemon._process is not None
    daemon._process.kill()  # the socket's file stays
    daemon._process.wait()
    kept.start()
    await until("it is told", lambda: "no D-Bus daemon serves at" in kept.lock.state.trouble)
    assert daemon._process.stdout is not None
    daemon._process.stdout.close()


def test_where_there_is_no_bus_its_library_is_not_imported() -> None:
    code = "import sys, podstead.daemon.run; sys.exit('jeepney' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_an_answer_that_a_signal_has_overtaken_calls_nothing_off(kept: Kept) -> None:
    lock, logind = kept.lock, ":1.5"

    class Overtaken(LoginManager):
        """Its answer is older than the signal that is read together with it."""

        def __init__(self) -> None:
            pass

        async def preparing(self) -> bool:
            lock._hear(Signal(sender=logind, path=PATH, interface=INTERFACE, member=PREPARE, body=(True,)))
            return False

    lock._owner = logind
    await lock._settle(Overtaken())
    assert kept.watcher.told == ["begins"]
