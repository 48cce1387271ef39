"""The node's policy in the agent: what it refuses, what it leaves alone, and the database that answers meanwhile."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.daemon import housekeeping, policing
from podstead.judging import process
from podstead.state.reports import Verdict
from tests.functional.manifests import IMAGE, OTHER_IMAGE, manifest
from tests.functional.node import NODE, SimulatedNode
from tests.simulators.cri_images import make_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.state.reports import FileVerdict
    from tests.simulators.cri_runtime import SimulatedRuntime

HEAD = "apiVersion: podstead.io/v1\nkind: NodePolicy\n"
DATABASE = manifest("mysql", priorityClassName="system-node-critical", volumes=[])
DIGEST = f"sha256:{hashlib.sha256(DATABASE.encode()).hexdigest()}"
POLICY = f"""{HEAD}podSecurity: {{level: baseline}}
images: {{registries: [registry.test/app]}}
exemptions:
- name: network
  pods: [default/mysql]
  controls: [Host Namespaces]
  values: ["true"]
  reason: clients reach it by the node
  until: 2099-12-31
  digests: ["{DIGEST}"]
priorities:
- {{classes: [system-node-critical], pods: [default/mysql], digests: ["{DIGEST}"]}}
"""
RULES = f"""{POLICY}rules:
- name: labelled
  matchConditions: [{{name: others, expression: "request.name != 'mysql'"}}]
  validations:
  - expression: "'owner' in object.metadata.?labels.orValue({{}})"
    messageExpression: "'label ' + object.metadata.name + ' with its owner on ' + request.node"
"""
BOMB = f"""{POLICY}rules:
- name: bomb
  matchConditions: [{{name: others, expression: "request.name != 'mysql'"}}]
  validations:
  - expression: "[0,0,0,0,0,0,0,0].all(a, [0,0,0,0,0,0,0,0].all(b, object.metadata.annotations.x.matches('(x+x+)+y') == false))"
"""

EXEMPTED = """podSecurity: {{level: baseline}}
exemptions:
- name: data
  pods: [default/web]
  controls: [HostPath Volumes]
  values: ["{data}/web"]
  reason: it keeps its data on the node
  until: 2099-12-31
  digests: ["{digest}"]
"""


def plain(name: str, **more: Any) -> str:
    return manifest(name, host_network=False, **more)


class PolicyFile:
    """The node's policy file, written as an operator does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        self.path.unlink()

    def open_to_all(self) -> None:
        self.path.chmod(0o666)


@pytest.fixture
def policy(root: Path) -> PolicyFile:
    made = PolicyFile(root / "policy.yaml")
    made.write(POLICY)
    return made


@pytest.fixture
async def node(
    root: Path, runtime: SimulatedRuntime, policy: PolicyFile, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SimulatedNode]:
    """A node with a policy and a database that runs by its exemptions."""
    monkeypatch.setattr(housekeeping, "PERIOD_SECONDS", 0.2)
    monkeypatch.setattr(policing, "LOOK_SECONDS", 0.05)
    made = SimulatedNode(root, runtime)
    security = replace(made.settings.security, policy=policy.path, policy_required=True)
    made.settings = replace(made.settings, security=security)
    await made.start()
    await made.until("the first look", lambda: made.parts.sync is not None and made.parts.sync.looked, 20.0)
    made.write("mysql.yaml", DATABASE)
    database = await made.running_pod("mysql")
    yield made
    if not made.present:
        await made.start()
    assert (await made.running_pod("mysql")).id == database.id, "the database was stopped or restarted"
    assert made.restarts("mysql") == 0
    made.check()
    await made.stop()


def verdict(node: SimulatedNode, file: str) -> FileVerdict | None:
    return next((one for one in node.parts.board._verdicts if one.name == file), None)


async def refused(node: SimulatedNode, file: str) -> str:
    """Wait until the policy has refused a file; return all it says."""

    def told() -> bool:
        found = verdict(node, file)
        return found is not None and (found.verdict, found.reason) == (Verdict.REJECTED, "PolicyViolation")

    await node.until(f"{file} is refused", told)
    found = verdict(node, file)
    assert found is not None
    return "\n".join(message.as_line(file) for message in found.messages)


def problems(node: SimulatedNode) -> dict[str, str]:
    return {one.reason: one.message for one in node.ground.state.problems}


@pytest.mark.attack("planted-pod")
async def test_a_planted_privileged_pod_is_refused_with_its_line(node: SimulatedNode) -> None:
    node.write("planted.yaml", plain("planted", container={"securityContext": {"privileged": True}}))
    told = await refused(node, "planted.yaml")
    assert "planted.yaml:16:20: error: spec.containers[0].securityContext.privileged: Privileged Containers:" in told
    assert node.containers("planted") == []


@pytest.mark.attack("borrowed-name")
async def test_the_name_of_an_exempted_pod_with_other_content_is_refused(node: SimulatedNode) -> None:
    node.write("mysql.yaml", DATABASE.replace('"name": "mysql",', '"name": "mysql", "command": ["/bin/evil"],', 1))
    told = await refused(node, "mysql.yaml")
    assert "exemption network does not fit: nobody signed the file, and its digest sha256:" in told


@pytest.mark.attack("borrowed-name")
async def test_a_second_file_of_the_exempted_name_is_refused(node: SimulatedNode) -> None:
    node.write("a.yaml", manifest("mysql", volumes=[{"name": "v", "hostPath": {"path": "/"}}]))
    assert "HostPath Volumes" in await refused(node, "a.yaml")


@pytest.mark.attack("pushed-out")
async def test_a_node_critical_pod_that_asks_for_the_whole_node_is_refused(node: SimulatedNode) -> None:
    whole = {"resources": {"requests": {"cpu": "2", "memory": "4Gi"}}}
    node.write("big.yaml", plain("big", priorityClassName="system-node-critical", container=whole))
    assert "Critical Priority: pods of system-node-critical make others go" in await refused(node, "big.yaml")
    assert node.containers("big") == []


@pytest.mark.attack("edited-image")
async def test_an_edit_to_another_registry_is_refused_and_the_last_good_runs(node: SimulatedNode) -> None:
    node.write("web.yaml", plain("web"))
    first = await node.running_pod("web")
    node.write("web.yaml", plain("web", image="evil.example/app:1"))
    assert "Image Registries: evil.example/app is not of the registries" in await refused(node, "web.yaml")
    assert [one.id for one in node.alive("web")] == [first.id]
    node.write("web.yaml", plain("web", image=OTHER_IMAGE))
    await node.another("web", first)


@pytest.mark.attack("expression-bomb")
async def test_a_bomb_of_expressions_stops_nobody(node: SimulatedNode, policy: PolicyFile) -> None:
    text = f"[{','.join(['0'] * 100)}]"
    bomb = f"{text}.all(a, {text}.all(b, {text}.all(c, c == 0)))"
    policy.write(BOMB.replace("[0,0,0,0,0,0,0,0].all(a", f"{bomb} && [0].all(a"))
    await node.until("the bomb is in force", lambda: "1 rule" in shown(node))
    node.write("web.yaml", plain("web"))
    assert "it takes more than 10,000 steps" in await refused(node, "web.yaml")


async def test_a_child_that_does_not_answer_refuses_the_file(node: SimulatedNode, policy: PolicyFile) -> None:
    policy.write(RULES)
    await node.until("the rules are in force", lambda: "1 rule" in shown(node))
    judging = node.parts.gates.policing
    assert judging is not None
    judging.judges._process._seconds = 0.0
    node.write("web.yaml", plain("web"))
    assert "judging the file took longer than 0 s" in await refused(node, "web.yaml")
    judging.judges._process._seconds = process.ANSWER_SECONDS
    node.write("web.yaml", plain("web", metadata={"labels": {"owner": "me"}}))
    await node.running_pod("web")


def shown(node: SimulatedNode) -> str:
    assert node.parts.gates.policing is not None
    return node.parts.gates.policing.shown()


async def test_rules_are_judged_in_a_child_that_ends_with_the_agent(node: SimulatedNode, policy: PolicyFile) -> None:
    policy.write(RULES)
    await node.until("the rules are in force", lambda: "1 rule" in shown(node))
    node.write("web.yaml", plain("web"))
    assert f"Rule labelled: label web with its owner on {NODE}" in await refused(node, "web.yaml")
    node.write("web.yaml", plain("web", metadata={"labels": {"owner": "me"}}))
    await node.running_pod("web")
    judging = node.parts.gates.policing
    assert judging is not None
    child = judging.judges._process._process
    assert child is not None
    await node.stop()
    assert child.returncode is not None


async def test_a_stricter_policy_is_for_new_content_alone(node: SimulatedNode, policy: PolicyFile) -> None:
    node.write("web.yaml", plain("web"))
    first = await node.running_pod("web")
    policy.write(f"{HEAD}podSecurity: {{level: restricted}}\n")
    await node.until("the policy is in force", lambda: "restricted" in shown(node))
    found = verdict(node, "web.yaml")
    assert found is not None
    assert found.verdict is Verdict.ACCEPTED
    await node.stop()
    await node.start()
    await node.until("the first look", lambda: node.parts.sync is not None and node.parts.sync.looked, 20.0)
    assert [one.id for one in node.alive("web")] == [first.id]
    node.write("web.yaml", plain("web", image=OTHER_IMAGE))
    assert "Privilege Escalation" in await refused(node, "web.yaml")
    assert [one.id for one in node.alive("web")] == [first.id]


async def test_a_milder_policy_lets_in_what_was_refused(node: SimulatedNode, policy: PolicyFile) -> None:
    node.write("web.yaml", manifest("web"))
    await refused(node, "web.yaml")
    policy.write(f"{HEAD}podSecurity: {{level: privileged}}\n")
    await node.running_pod("web")


async def test_a_damaged_policy_leaves_the_last_good_one_in_force(node: SimulatedNode, policy: PolicyFile) -> None:
    policy.write(POLICY.replace("podSecurity", "podSecurty"))
    await node.until("it is told", lambda: "PolicyDamaged" in problems(node))
    text = problems(node)["PolicyDamaged"]
    assert "podSecurty: Unknown field: podSecurty is not read: did you mean podSecurity?" in text
    assert "stays in force" in text
    node.write("web.yaml", manifest("web"))
    assert "Host Namespaces" in await refused(node, "web.yaml")
    policy.write(POLICY)
    await node.until("it is well again", lambda: "PolicyDamaged" not in problems(node))


async def test_a_policy_that_is_gone_stays_in_force_and_a_new_agent_admits_nothing_new(
    node: SimulatedNode, policy: PolicyFile
) -> None:
    policy.remove()
    await node.until("it is told", lambda: "PolicyMissing" in problems(node))
    node.write("web.yaml", manifest("web"))
    assert "Host Namespaces" in await refused(node, "web.yaml")
    await node.stop()
    await node.start()
    assert "nothing new is admitted until it is mended" in await refused(node, "web.yaml")
    policy.write(POLICY)
    node.write("web.yaml", plain("web"))
    await node.running_pod("web")


async def test_a_policy_that_others_can_write_is_not_taken(node: SimulatedNode, policy: PolicyFile) -> None:
    policy.write(f"{HEAD}podSecurity: {{level: privileged}}\n")
    policy.open_to_all()
    await node.until("it is told", lambda: "PolicyUntrusted" in problems(node))
    node.write("web.yaml", manifest("web"))
    assert "Host Namespaces" in await refused(node, "web.yaml")


async def test_an_ended_exemption_is_told_of_while_its_pod_runs_on(node: SimulatedNode, policy: PolicyFile) -> None:
    policy.write(POLICY.replace("2099-12-31", "2020-12-31"))
    await node.until("it is told", lambda: "ExemptionEnded" in problems(node))
    assert "exemption network ended on 2020-12-31: what mysql.yaml holds runs on" in problems(node)["ExemptionEnded"]


async def test_what_root_allows_is_not_asked_about(node: SimulatedNode) -> None:
    text = manifest("web")
    node.write("web.yaml", text)
    await refused(node, "web.yaml")
    digest = hashlib.sha256(text.encode()).hexdigest()
    await node.parts.trust.allow(digest, "web.yaml", 3600.0, "the incident of tonight")
    first = await node.running_pod("web")
    found = verdict(node, "web.yaml")
    assert found is not None
    assert "root allowed this content for a while (the incident of tonight); the policy forbids it" in repr(
        found.messages
    )
    await node.parts.trust.end_allowance(digest)
    await node.until("it is held", lambda: node.session("web").held_told is not None)
    assert [one.id for one in node.alive("web")] == [first.id]
    await node.until("the verdict says so", lambda: "what root allowed has ended" in repr(verdict(node, "web.yaml")))


async def test_the_node_says_which_policy_is_in_force(node: SimulatedNode) -> None:
    assert shown(node).startswith("sha256:")
    assert shown(node).endswith(": baseline:v1.37, 1 exemption")


async def test_without_a_policy_the_node_says_so(node: SimulatedNode, policy: PolicyFile) -> None:
    security = replace(node.settings.security, policy_required=False)
    await node.stop()
    policy.remove()
    node.settings = replace(node.settings, security=security)
    await node.start()
    await node.until("it is told", lambda: shown(node) == "none: self-protection only")
    node.write("web.yaml", manifest("web", image=IMAGE))
    await node.running_pod("web")


@pytest.mark.attack("swapped-host-path")
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("kept", ["hostPaths: [{{prefix: {data}}}]\n", EXEMPTED])
async def test_a_path_that_is_led_elsewhere_between_admission_and_start_is_not_mounted(
    node: SimulatedNode, policy: PolicyFile, root: Path, kept: str, *, there: bool
) -> None:
    """By a local user while the image is pulled, over a death of the agent."""
    data, elsewhere = root / "data", root / "elsewhere"
    path = data / "web"
    (path if there else data).mkdir(parents=True)
    elsewhere.mkdir()
    volume = {"name": "h", "hostPath": {"path": f"{path}/", "type": "DirectoryOrCreate"}}
    mounts = [{"name": "h", "mountPath": "/h"}]
    image = "registry.test/app/later:1"
    text = plain("web", container={"image": image, "volumeMounts": mounts}, volumes=[volume])
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    policy.write(HEAD + kept.format(data=data, digest=digest))
    await node.until("the policy is in force", lambda: len(node.events("PolicyInForce")) > 1)
    node.write("web.yaml", text)
    await node.until("it is admitted, and waits", lambda: node.waiting("web") in {"ErrImagePull", "ImagePullBackOff"})
    await node.crash()
    if path.is_dir():
        path.rmdir()
    path.symlink_to(elsewhere)
    node.runtime.images.offer(make_image(image))
    await node.start()
    await node.until("it is refused", lambda: node.events("PolicyViolation"), 20.0)
    assert f"it leads to {elsewhere} now" in node.events("PolicyViolation")[0]
    assert node.containers("web") == []

    path.unlink()
    await node.running_pod("web", 20.0)
    assert path.is_dir()
    node.remove("web.yaml")
    await node.gone("web")
    policy.write(POLICY)
