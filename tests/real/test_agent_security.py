"""Security contexts as the kernel sees them: read from /proc of the processes that a manifest's containers became."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.runtime import RuntimeClass
from podstead.containerd.mounts import mixed_cgroup2_mounts, read_mounts
from podstead.cri.security import MASKED_PATHS, READONLY_PATHS
from tests.support.agent import agent_at_rest
from tests.support.manifests import container_status, manifest
from tests.support.runtimes import chosen_oci

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podstead.config.settings import Settings
    from tests.support.agent import AgentUnderTest
    from tests.support.netns import Hosts

pytestmark = pytest.mark.real

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"]
NO_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
}
OTHER = "crun" if chosen_oci() == "runc" else "runc"
"""The OCI runtime that is not the default."""
CHOWN, SYS_ADMIN, SYS_TIME = 0, 21, 25
"""Numbers of capabilities (capability.h)."""


def set_up(settings: Settings) -> Settings:
    """Return settings with a class for the other OCI runtime and one sysctl more than the safe ones."""
    classes = (RuntimeClass(name="sandboxed", handler=OTHER, overhead=(("memory", "16Mi"),)),)
    return replace(
        settings,
        node=replace(settings.node, allowed_unsafe_sysctls=("net.core.somaxconn",)),
        runtime=replace(settings.runtime, classes=classes),
    )


@pytest.fixture(scope="module")
def module_agent(agent_hosts: Hosts) -> Iterator[AgentUnderTest]:
    """Give an agent with runtime classes and a seccomp profile."""
    with agent_at_rest(net_namespace=agent_hosts.node, changed=set_up) as agent:
        (agent.root / "seccomp").mkdir(mode=0o755)
        (agent.root / "seccomp" / "no-mkdir.json").write_text(json.dumps(NO_MKDIR))
        agent.start()
        agent.import_busybox()
        yield agent


def contained(name: str, **security: Any) -> dict[str, Any]:
    """Return a container that sleeps."""
    image = {"image": "busybox:1.36", "imagePullPolicy": "IfNotPresent"}
    return {"name": name, **image, "command": SLEEP, "securityContext": security}


def own_namespace(kind: str) -> str:
    """Return the identity of one of this test's namespaces."""
    return str(Path(f"/proc/self/ns/{kind}").readlink())


class Process:
    """The first process of a container."""

    def __init__(self, agent: AgentUnderTest, pod: str, container: str) -> None:
        self.pid = agent.pid_of(agent.container_id(pod, container))
        text = Path(f"/proc/{self.pid}/status").read_text()
        self.status = {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}

    def can(self, capability: int) -> bool:
        """Return whether a capability is effective."""
        return bool(int(self.status["CapEff"], 16) >> capability & 1)

    def namespace(self, kind: str) -> str:
        """Return the identity of a namespace."""
        return str(Path(f"/proc/{self.pid}/ns/{kind}").readlink())

    def mounts(self) -> dict[str, str]:
        """Return file system and options of each mount point."""
        lines = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        fields = [(line.split(" - ")[0].split(), line.split(" - ")[1].split()) for line in lines]
        return {left[4]: f"{right[0]} {left[5]}" for left, right in fields}


def test_containers_are_confined_as_their_manifest_says(agent: AgentUnderTest) -> None:
    """One pod with one container for each matter, as starting pods is what costs time here."""
    containers = [
        contained(
            "confined",
            runAsUser=1234,
            runAsGroup=1235,
            runAsNonRoot=True,
            allowPrivilegeEscalation=False,
            readOnlyRootFilesystem=True,
            capabilities={"drop": ["ALL"]},
            seccompProfile={"type": "RuntimeDefault"},
        ),
        contained("filtered", seccompProfile={"type": "Localhost", "localhostProfile": "no-mkdir.json"}),
        contained("timed", capabilities={"add": ["CAP_SYS_TIME"], "drop": ["CHOWN"]}),
        contained("free", privileged=True),
    ]
    shared = {
        "fsGroup": 7,
        "supplementalGroups": [8],
        "sysctls": [
            {"name": "net/ipv4/ping_group_range", "value": "0 0"},
            {"name": "net.core.somaxconn", "value": "777"},
            {"name": "kernel.shm_rmid_forced", "value": "1"},
        ],
    }
    text = manifest(
        "many", hostNetwork=False, containers=containers, securityContext=shared, hostnameOverride="a.example"
    )
    agent.write("many.yaml", text)
    agent.wait_running("many", 20)
    confined, filtered, timed, free = (Process(agent, "many", c["name"]) for c in containers)

    assert (confined.status["Uid"].split(), confined.status["Gid"].split()) == (["1234"] * 4, ["1235"] * 4)
    assert {"7", "8"} <= set(confined.status["Groups"].split())
    assert (confined.status["NoNewPrivs"], confined.status["Seccomp"]) == ("1", "2")
    assert (int(confined.status["CapEff"], 16), int(confined.status["CapBnd"], 16)) == (0, 0)
    assert confined.mounts()["/"].split()[1].startswith("ro")

    assert (filtered.status["NoNewPrivs"], filtered.status["Seccomp"]) == ("0", "2")
    tried = agent.exec("many", "sh", "-c", "mkdir /made 2>&1 || true", container="filtered")
    assert "Operation not permitted" in tried
    assert agent.exec("many", "sh", "-c", "mkdir /made && echo made", container="timed") == "made\n"

    assert (timed.can(SYS_TIME), timed.can(CHOWN), timed.can(SYS_ADMIN)) == (True, False, False)
    assert timed.status["Seccomp"] == "0"
    masked = timed.mounts()
    assert {path for path in (*MASKED_PATHS, *READONLY_PATHS) if Path(path).exists()} <= masked.keys()
    assert masked["/proc/sys"].split()[1].startswith("ro")

    assert (free.can(SYS_ADMIN), free.can(CHOWN), free.status["Seccomp"]) == (True, True, "0")
    assert not {path for path in free.mounts() if path.startswith("/proc/")}

    assert {p.namespace("net") for p in (confined, filtered, timed, free)} == {confined.namespace("net")}
    assert {p.namespace("ipc") for p in (confined, filtered, timed, free)} == {confined.namespace("ipc")}
    assert len({p.namespace("pid") for p in (confined, filtered, timed, free)}) == 4
    for kind in ("net", "ipc", "pid", "mnt", "uts"):
        assert confined.namespace(kind) != own_namespace(kind)
    script = "hostname; cd /proc/sys; cat net/ipv4/ping_group_range net/core/somaxconn kernel/shm_rmid_forced"
    assert agent.exec("many", "sh", "-c", script, container="timed") == "a.example\n0\t0\n777\n1\n"


def test_a_pod_may_live_in_the_nodes_namespaces(agent: AgentUnderTest) -> None:
    agent.write("node.yaml", manifest("node", hostPID=True, hostIPC=True, containers=[contained("main")]))
    agent.wait_running("node", 20)

    process = Process(agent, "node", "main")

    for kind in ("pid", "ipc"):
        assert process.namespace(kind) == own_namespace(kind)
    assert agent.net_namespace is not None
    assert process.namespace("net") == f"net:[{agent.net_namespace.stat().st_ino}]"
    assert process.namespace("mnt") != own_namespace("mnt")


def test_a_runtime_class_is_another_oci_runtime_and_a_change_of_it_a_new_pod(agent: AgentUnderTest) -> None:
    handlers = {h["name"] for h in agent.api.get("/api/v1/nodes")["items"][0]["status"]["runtimeHandlers"]}
    if OTHER not in handlers:
        # runc needs no mend on a machine with mixed cgroups, and crun does: where runc is asked for, crun is no handler.
        assert mixed_cgroup2_mounts(read_mounts())
        assert chosen_oci() == "runc"
        agent.write("classy.yaml", manifest("classy", runtimeClassName="sandboxed"))
        status = agent.wait_pod("classy", lambda pod: pod["status"].get("reason") == "RuntimeClassNotFound", 20)[
            "status"
        ]
        assert status["message"].endswith("means the handler crun, which the runtime does not have: it has runc")
        return
    containers = [contained("one"), contained("two")]
    common: dict[str, Any] = {"containers": containers, "shareProcessNamespace": True}
    agent.write("classy.yaml", manifest("classy", runtimeClassName="sandboxed", **common))
    agent.wait_running("classy", 20)
    (before,) = agent.sandboxes("classy")
    assert before.runtime_handler == OTHER
    assert (agent.settings.paths.containerd_run / "state" / OTHER / "k8s.io" / before.id).is_dir()
    one, two = (Process(agent, "classy", name) for name in ("one", "two"))
    assert one.namespace("pid") == two.namespace("pid") != own_namespace("pid")

    agent.write("classy.yaml", manifest("classy", runtimeClassName=agent.status()["runtime"]["ociRuntime"], **common))
    agent.wait("another sandbox", lambda: before.id not in {s.id for s in agent.sandboxes("classy") if s.ready}, 20)
    agent.wait_running("classy", 20)
    (after,) = (s for s in agent.sandboxes("classy") if s.ready)
    assert after.runtime_handler == agent.status()["runtime"]["ociRuntime"]

    node = agent.api.get("/api/v1/nodes")["items"][0]
    assert handlers >= {"crun", "runc"}
    assert f"sandboxed={OTHER}" in node["metadata"]["annotations"]["podstead.io/runtime-classes"]


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "users": ("UserNamespacesNotSupported", {"hostUsers": False, "hostNetwork": False}),
    "strict": ("SupplementalGroupsPolicyNotSupported", {"securityContext": {"supplementalGroupsPolicy": "Strict"}}),
    "class": ("RuntimeClassNotFound", {"runtimeClassName": "kata"}),
    "sysctl": (
        "SysctlForbidden",
        {"hostNetwork": False, "securityContext": {"sysctls": [{"name": "net.core.rmem_max", "value": "1"}]}},
    ),
    **(
        {}
        if Path("/sys/module/apparmor").exists()
        else {"armour": ("AppArmor", {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}})}
    ),
}


NEWER_CAN = frozenset({"users", "strict"})
"""What containerd 2 can: test_agent_newer_runtime.py shows it."""


@pytest.mark.conformance("S35")
def test_what_this_node_cannot_do_is_said_and_nothing_runs_without_it(agent: AgentUnderTest) -> None:
    can = NEWER_CAN if agent.runtime_version() >= (2, 0) else ()
    refused = {name: case for name, case in REFUSED.items() if name not in can}
    for name, (_, spec) in refused.items():
        agent.write(f"{name}.yaml", manifest(name, **spec))
    for name, (reason, _) in refused.items():
        status = agent.wait_pod(name, lambda pod: pod["status"].get("reason"), 20, f"{name} waits: {reason}")["status"]
        assert (status["phase"], status["reason"]) == ("Pending", reason)
        assert agent.files()[f"{name}.yaml"]["verdict"] == "Accepted"
    assert agent.sandboxes() == ()


@pytest.mark.conformance("S34")
def test_a_container_that_would_be_less_confined_is_not_created(agent: AgentUnderTest) -> None:
    """Neither as root against its word, nor without a seccomp profile that the node does not have."""
    missing = {"type": "Localhost", "localhostProfile": "none.json"}
    containers = [contained("rooted", runAsNonRoot=True), contained("bare", seccompProfile=missing)]
    agent.write("less.yaml", manifest("less", containers=containers))

    def refused(pod: dict[str, Any]) -> bool:
        states = [container_status(pod, c["name"])["state"].get("waiting", {}) for c in containers]
        return all(state.get("reason") == "CreateContainerConfigError" for state in states)

    pod = agent.wait_pod("less", refused, 20)
    assert "runAsNonRoot" in container_status(pod, "rooted")["state"]["waiting"]["message"]
    said = container_status(pod, "bare")["state"]["waiting"]["message"]
    assert f"seccomp profile {agent.root}/seccomp/none.json is not there" in said
    assert agent.containers("less") == ()
