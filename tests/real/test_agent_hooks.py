"""Lifecycle hooks under containerd: their order and timing as the containers themselves write it down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import OBEYING, container_status, manifest

if TYPE_CHECKING:
    from tests.support.agent import AgentUnderTest

pytestmark = pytest.mark.real

POLITE = "trap 'note term; exit 0' TERM; trap 'note usr1; exit 0' USR1; while :; do sleep 0.1; done"
STUBBORN = "trap 'note term' TERM; trap 'note usr1' USR1; while :; do sleep 0.1; done"
"""Writes down that it was told to end, and does not."""


@dataclass(frozen=True)
class Diary:
    """What containers write down with `note WORD`, each line with the second since the boot."""

    path: Path

    def command(self, script: str) -> list[str]:
        """Return a command that can write here."""
        line = f'echo "$(cut -d" " -f1 /proc/uptime) $1" >> /diary/{self.path.name}'
        return ["sh", "-c", f"note() {{ {line}; }}; {script}"]

    def hook(self, script: str) -> dict[str, Any]:
        """Return an exec handler that can write here."""
        return {"exec": {"command": self.command(script)}}

    def container(self, script: str, name: str = "main", **fields: Any) -> dict[str, Any]:
        """Return a container whose program can write here."""
        mounts = [{"name": "diary", "mountPath": "/diary"}]
        return {
            "name": name,
            "image": BUSYBOX_IMAGE,
            "command": self.command(script),
            "volumeMounts": mounts,
            **fields,
        }

    def pod(self, name: str, *containers: dict[str, Any], grace: int, **fields: Any) -> str:
        """Return a pod of such containers."""
        volume = {"name": "diary", "hostPath": {"path": str(self.path.parent), "type": "Directory"}}
        return manifest(
            name,
            containers=containers,
            volumes=[volume],
            terminationGracePeriodSeconds=grace,
            os={"name": "linux"},
            **fields,
        )

    def lines(self) -> list[tuple[str, float]]:
        """Return every word with its second, in the order of writing."""
        text = self.path.read_text() if self.path.exists() else ""
        return [(what, float(at)) for at, what in (line.split(" ", 1) for line in text.splitlines())]

    def words(self) -> list[str]:
        """Return every word in the order of writing."""
        return [what for what, _ in self.lines()]

    def between(self, first: str, second: str) -> float:
        """Return the seconds from the first time of one word to that of another."""
        found = dict(reversed(self.lines()))
        return found[second] - found[first]


def uptime() -> float:
    """Return the second since the boot, as the containers read it."""
    return float(Path("/proc/uptime").read_text().split()[0])


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


def test_the_order_of_a_life(agent: AgentUnderTest, diary: Diary) -> None:
    hooks = {"postStart": diary.hook("sleep 2; note set-up"), "preStop": diary.hook("note good-bye; sleep 1")}
    first = diary.container(f"note begun; {POLITE}", lifecycle=hooks)
    second = diary.container(f"note second; {OBEYING}", "second")
    agent.write("life.yaml", diary.pod("life", first, second, grace=10))
    agent.wait("its hook runs", diary.words)
    waiting = container_status(agent.pod("life"))
    assert (waiting["ready"], waiting["started"]) == (False, False)
    assert waiting["state"]["waiting"]["reason"] == "ContainerCreating"

    agent.wait_running("life")

    agent.wait("the second has begun", lambda: len(diary.words()) == 3)
    assert diary.words() == ["begun", "set-up", "second"]
    assert diary.between("begun", "set-up") >= 2

    agent.write("life.yaml", diary.pod("life", {**first, "env": [{"name": "NEW", "value": "1"}]}, second, grace=10))
    agent.wait("the edit's container is set up", lambda: diary.words().count("set-up") == 2)
    agent.wait_running("life")

    assert diary.words()[3:] == ["good-bye", "term", "begun", "set-up"]
    assert 1 <= diary.between("good-bye", "term") < 3
    assert container_status(agent.pod("life"))["restartCount"] == 0

    agent.remove("life.yaml")
    agent.wait_gone("life")

    assert diary.words()[7:] == ["good-bye", "term"]


@pytest.mark.conformance("S25", "S26")
def test_a_hook_is_within_the_grace(agent: AgentUnderTest, tmp_path: Path) -> None:
    """TERM comes after the hook or at the end of the grace; KILL when the grace is over, two seconds later at least."""
    short, long = Diary(tmp_path / "short"), Diary(tmp_path / "long")
    sleeps = short.container(STUBBORN, lifecycle={"preStop": {"sleep": {"seconds": 5}}})
    hangs = long.container(STUBBORN, lifecycle={"preStop": long.hook("note hook; sleep 60")})
    agent.write("short.yaml", short.pod("short", sleeps, grace=8))
    agent.write("long.yaml", long.pod("long", hangs, grace=3))
    agent.wait_running("short")
    agent.wait_running("long")

    agent.remove("short.yaml")
    agent.remove("long.yaml")
    agent.wait_gone("long", 15)
    long_gone = uptime()
    agent.wait_gone("short", 15)
    short_gone = uptime()

    ((_, short_term),) = short.lines()
    (_, hook), (word, long_term) = long.lines()
    assert word == "term"
    # Both stops begin together: the one hook that can write tells when.
    assert 4.8 <= short_term - hook < 8
    assert 7.8 <= short_gone - hook < 15
    assert 2.8 <= long_term - hook < 5  # the hook writes a moment after it began
    assert 5 <= long_gone - hook < 12
    (failed,) = agent.events("FailedPreStopHook", about="long")
    assert "did not end within the grace period" in failed["message"]


def test_a_stop_signal_is_sent_and_the_runtime_ends_who_ignores_it(agent: AgentUnderTest, tmp_path: Path) -> None:
    obeys, ignores = Diary(tmp_path / "obeys"), Diary(tmp_path / "ignores")
    lifecycle = {"stopSignal": "SIGUSR1"}
    agent.write("obeys.yaml", obeys.pod("obeys", obeys.container(POLITE, lifecycle=lifecycle), grace=30))
    agent.write("ignores.yaml", ignores.pod("ignores", ignores.container(STUBBORN, lifecycle=lifecycle), grace=2))
    agent.wait_running("obeys")
    agent.wait_running("ignores")

    agent.remove("obeys.yaml")
    agent.remove("ignores.yaml")
    agent.wait_gone("obeys")
    agent.wait_gone("ignores")

    assert obeys.words() == ["usr1"]
    assert ignores.words() == ["usr1"]
    assert not agent.events("FailedStopSignal")


def test_a_failed_hook_restarts_its_container_and_a_request_is_sent_to_the_pod(
    agent: AgentUnderTest, tmp_path: Path
) -> None:
    bad, web = Diary(tmp_path / "bad"), Diary(tmp_path / "web")
    fails = bad.container(POLITE, lifecycle={"postStart": bad.hook("note hook; echo hunter2; exit 3")})
    server = "httpd -f -vv -p 8080 -h /www 2>>/diary/requests"
    said_bye = {"httpGet": {"port": "http", "path": "/bye"}}
    serves = web.container(server, lifecycle={"preStop": said_bye}, ports=[{"name": "http", "containerPort": 8080}])
    agent.write("bad.yaml", bad.pod("bad", fails, grace=5))
    agent.write("web.yaml", web.pod("web", serves, grace=2, hostNetwork=False))
    agent.wait_running("web")
    agent.remove("web.yaml")

    def backs_off(pod: dict[str, Any]) -> bool:
        state = container_status(pod)
        waiting = state["state"].get("waiting", {"reason": "", "message": ""})
        return (
            state["restartCount"] >= 1
            and waiting["reason"] == "PostStartHookError"
            and "the command ended with code 3; back-off" in waiting["message"]
        )

    agent.wait_pod("bad", backs_off)
    assert bad.words()[:4] == ["hook", "term"] * 2
    failed = agent.events("FailedPostStartHook", about="bad")
    assert "the command ended with code 3" in failed[0]["message"]
    assert "hunter2" not in str(failed)
    agent.wait_gone("web")
    assert "response:404" in (tmp_path / "requests").read_text()
    assert not agent.events("FailedPreStopHook", about="web")
