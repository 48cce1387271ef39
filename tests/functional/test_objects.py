"""Local ConfigMaps and Secrets on the real loops: into environments, kept for who uses them, and never without a word."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from podstead.config.sources import SourceSettings
from podstead.reconcile import inputs
from podstead.status.conditions import CONFIGURATION_CONDITION
from podstead.store import files
from podstead.store.changes import EVENTS, PODS
from podstead.store.files import StoreError
from tests.functional.manifests import IMAGE, manifest
from tests.functional.node import ABSENCE_SECONDS, SimulatedNode
from tests.simulators.cri_images import make_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from podstead.server.port import FileReport
    from tests.simulators.cri_runtime import SimulatedRuntime

PASSWORD = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}


def secret(name: str = "db", **data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})


def config_map(name: str = "web", **data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


class ObjectNode(SimulatedNode):
    """A node with an objects directory."""

    def __init__(self, root: Path, runtime: SimulatedRuntime) -> None:
        super().__init__(root, runtime)
        self.objects = root / "objects"
        self.objects.mkdir(mode=0o700)
        self.configured = SourceSettings(path=self.objects, absence_seconds=ABSENCE_SECONDS)
        self.settings = replace(self.settings, objects=self.configured)

    def give(self, file: str, text: str, mode: int = 0o600) -> None:
        """Put a file of objects in place."""
        hidden = self.objects / f".{file}.new"
        hidden.write_text(text, encoding="utf-8")
        hidden.chmod(mode)
        hidden.rename(self.objects / file)

    def verdict(self, file: str) -> str:
        """Return the reason, else the verdict, on a file of objects; empty before there is one."""
        found = [r for r in self.parts.objects.board.files() if r.path.endswith(f"/{file}")]
        return found[0].reason or found[0].verdict if found else ""

    async def taken(self, file: str) -> None:
        """Wait until a file of objects is accepted."""
        await self.until(f"{file} is accepted", lambda: self.verdict(file) == "Accepted")


@pytest.fixture
async def node(root: Path, runtime: SimulatedRuntime) -> AsyncIterator[ObjectNode]:
    made = ObjectNode(root, runtime)
    await made.start()
    yield made
    if made.present:
        await made.stop()


def env_of(container: Any) -> dict[str, str]:
    return {pair.key: pair.value.decode() for pair in container.config.envs}


def with_env(*env: dict[str, Any], **container: Any) -> str:
    return manifest("web", container={"env": list(env), **container})


@pytest.mark.conformance("S10")
async def test_an_environment_of_both_kinds(node: ObjectNode) -> None:
    node.give("all.yaml", secret(password="s3cret") + "\n---\n" + config_map(MODE="prod", URL="x"))
    await node.taken("all.yaml")
    origins = [{"configMapRef": {"name": "web"}}, {"prefix": "DB_", "secretRef": {"name": "db"}}]
    node.write("web.yaml", with_env(PASSWORD, {"name": "DSN", "value": "u:$(PASSWORD)"}, envFrom=origins))
    container = await node.running_pod("web")
    assert env_of(container) == {
        "MODE": "prod", "URL": "x", "DB_password": "s3cret", "PASSWORD": "s3cret", "DSN": "u:s3cret",
    }  # fmt: skip


async def test_a_pod_waits_for_its_object_and_starts_at_once_when_it_comes(node: ObjectNode) -> None:
    node.write("web.yaml", with_env(PASSWORD))
    await node.until("it waits", lambda: node.waiting("web") == "CreateContainerConfigError")
    said = "cannot set PASSWORD: there is no Secret default/db: write it into a file of the objects directory"
    assert node.events("Failed") == [said]
    node.give("db.yaml", secret(user="x"))
    await node.until(
        "it misses the key", lambda: "cannot set PASSWORD: Secret db has no key 'password'" in node.events("Failed")
    )
    node.give("db.yaml", secret(password="s3cret"))
    assert env_of(await node.running_pod("web", 1.5)) == {"PASSWORD": "s3cret"}
    assert node.restarts("web") == 0


async def test_a_change_disturbs_nobody_who_has_not_asked(node: ObjectNode) -> None:
    node.give("db.yaml", secret(password="one"))
    node.write("web.yaml", with_env(PASSWORD))
    first = await node.running_pod("web")
    node.give("db.yaml", secret(password="two"))
    await node.until(
        "the change is told", lambda: node.events("ObjectChanged") == ["Secret default/db has changed (db.yaml)"]
    )
    assert [c.id for c in node.alive("web")] == [first.id]
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert env_of(node.alive("web")[0]) == {"PASSWORD": "two"}


async def test_a_broken_file_and_a_restart_of_the_agent_take_nothing_away(node: ObjectNode) -> None:
    node.give("db.yaml", secret(password="s3cret"))
    node.write("web.yaml", with_env(PASSWORD))
    first = await node.running_pod("web")
    node.give("db.yaml", "kind: Secret\nstringData: {password: [\n")
    await node.until("it is rejected", lambda: node.verdict("db.yaml") == "InvalidYAML")
    await node.crash()
    node.runtime.exit_container(first.id, 1)
    await node.start()
    await node.another("web", first)
    assert env_of(node.alive("web")[0]) == {"PASSWORD": "s3cret"}


async def test_an_object_whose_file_is_gone_is_kept_for_its_pods_and_no_longer(node: ObjectNode) -> None:
    node.give("db.yaml", secret(password="s3cret"))
    node.give("other.yaml", config_map(a="b"))
    node.write("web.yaml", with_env(PASSWORD))
    first = await node.running_pod("web")
    (node.objects / "db.yaml").unlink()
    (node.objects / "other.yaml").unlink()
    await node.until("it is said to be gone", lambda: node.events("ObjectGone"))
    await node.until("the other is forgotten", lambda: node.events("ObjectRemoved"))
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    node.remove("web.yaml")
    await node.gone("web")
    await node.until("it is forgotten", lambda: not node.parts.objects.present.held)
    await node.until("also on disk", lambda: not list((node.settings.paths.state / "objects").iterdir()))


async def test_without_the_directory_what_runs_can_start_again(node: ObjectNode) -> None:
    node.give("db.yaml", secret(password="s3cret") + "\n---\n" + config_map(a="b"))
    node.write("web.yaml", with_env(PASSWORD))
    first = await node.running_pod("web")
    await node.stop()
    node.settings = replace(node.settings, objects=None)
    await node.start()
    await node.until(
        "the manifest is refused", lambda: [f for f in node.parts.board.files() if f.verdict == "Rejected"]
    )
    (report,) = node.parts.board.files()
    assert "start the agent with --objects-dir=DIR" in report.messages[0].message
    node.runtime.exit_container(first.id, 1)
    await node.another("web", first)
    assert env_of(node.alive("web")[0]) == {"PASSWORD": "s3cret"}
    assert [str(key) for key in node.parts.objects.present.held] == ["Secret default/db"]


async def test_files_that_others_can_reach_are_refused_with_the_mend(node: ObjectNode) -> None:
    node.give("open.yaml", secret(password="x"), mode=0o644)
    node.give("written.yaml", config_map(a="b"), mode=0o620)
    (node.objects / "link.yaml").symlink_to("open.yaml")
    await node.until("the secret is refused", lambda: node.verdict("open.yaml") == "ReadableByOthers")
    await node.until("the other too", lambda: node.verdict("written.yaml") == "WritableByOthers")
    await node.until("the link too", lambda: node.verdict("link.yaml") == "SymbolicLink")
    said = {r.path.rsplit("/", 1)[-1]: r.messages[0].message for r in node.parts.objects.board.files()}
    assert said["open.yaml"].endswith(f"chmod 600 {node.objects}/open.yaml")
    assert said["written.yaml"].endswith(f"chmod go-w {node.objects}/written.yaml")
    (node.objects / "open.yaml").chmod(0o600)
    await node.taken("open.yaml")
    node.objects.chmod(0o777)
    await node.until("the directory too", lambda: node.parts.objects.board.degraded)
    assert f"chmod go-w {node.objects}" in (node.parts.objects.board.degraded or "")
    assert [str(key) for key in node.parts.objects.present.held] == ["Secret default/db"]


async def test_nothing_is_given_that_could_not_be_written_down(
    node: ObjectNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batch: Any) -> None:
        raise StoreError("write", batch[0].path, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_many", full)
        node.give("db.yaml", secret(password="s3cret"))
        await node.until("it is a problem", lambda: node.parts.objects.board.problem)
        assert not node.parts.objects.present.held
    node.parts.objects.loop.poke()
    await node.until("it is taken", lambda: node.parts.objects.present.held)


async def test_an_image_is_pulled_with_the_pods_own_credentials(node: ObjectNode) -> None:
    image = "quay.io/team/app:1"
    node.runtime.images.offer(make_image(image))
    node.runtime.images.credentials[image] = ("me", "s3cret")
    node.write("web.yaml", manifest("web", image=image, imagePullSecrets=[{"name": "regcred"}]))
    await node.until("it is refused", lambda: node.waiting("web") in {"ErrImagePull", "ImagePullBackOff"})
    assert node.events("FailedToRetrieveImagePullSecret") == [
        "not all pull Secrets can be used (there is no Secret default/regcred): pulling may fail"
    ]
    auths = json.dumps({"auths": {"quay.io": {"username": "me", "password": "s3cret"}}})
    credentials = json.loads(secret("regcred", **{".dockerconfigjson": auths}))
    node.give("regcred.yaml", json.dumps({**credentials, "type": "kubernetes.io/dockerconfigjson"}))
    await node.running_pod("web", 2.0)


RESTART = {"annotations": {"podstead.io/restart-on-change": "true"}}


async def test_what_has_asked_for_it_restarts_in_its_sandbox_uncounted(
    node: ObjectNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "PAUSE_SECONDS", 0.0)
    node.give("all.yaml", secret(password="one", unused="x") + "\n---\n" + config_map(MODE="a"))
    plain = {"name": "plain", "image": IMAGE}
    using = {"name": "using", "image": IMAGE, "env": [PASSWORD]}
    node.write("web.yaml", manifest("web", metadata=RESTART, containers=[plain, using]))
    await node.until("both run", lambda: len(node.alive("web")) == 2)
    before = {c.config.metadata.name: c.id for c in node.alive("web")}
    sandboxes = node.sandboxes("web")

    node.give("all.yaml", secret(password="one", unused="y") + "\n---\n" + config_map(MODE="b"))
    await node.until("the change is told", lambda: len(node.events("ObjectChanged")) == 2)
    assert {c.config.metadata.name: c.id for c in node.alive("web")} == before

    node.give("all.yaml", secret(password="two"))
    await node.until("the one is another", lambda: before["using"] not in {c.id for c in node.alive("web")})
    await node.until("both run again", lambda: len(node.alive("web")) == 2)
    (after,) = [c for c in node.alive("web") if c.config.metadata.name == "using"]
    assert env_of(after) == {"PASSWORD": "two"}
    assert before["plain"] in {c.id for c in node.alive("web")}
    assert node.sandboxes("web") == sandboxes
    await node.until("the status follows", lambda: node.phase("web") == "Running")
    assert [s.restart_count for s in node.pod("web").status.container_statuses] == [0, 0]  # type: ignore[union-attr]  # it is there
    (told,) = node.events("ConfigurationChanged")
    assert told == "Configuration newer than the running container using (Secret default/db): it is restarted"
    assert "Configuration changed (Secret default/db): stopping container using" in node.events("Killing")


async def test_a_newer_file_is_shown_and_survives_the_agent(
    node: ObjectNode, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "PAUSE_SECONDS", 0.0)
    conf = root / "app.conf"
    conf.write_text("1")
    metadata = {"annotations": {"podstead.io/config-files": str(conf)}}
    node.write("web.yaml", manifest("web", metadata=metadata))
    first = await node.running_pod("web")

    conf.write_text("2")
    await node.until("it is told", lambda: node.events("ConfigurationChanged"))
    said = (
        f"Configuration newer than the running container web ({conf}): it takes effect when the container next starts"
    )
    assert node.events("ConfigurationChanged") == [said]

    def report() -> FileReport:
        (found,) = node.parts.board.files()
        return found

    await node.until("the file's report has it", lambda: report().reason == "ConfigurationNewer")
    assert report().verdict == "Accepted"
    assert report().messages[0].message == f"configuration newer than the running pod default/web-node1: {conf}"
    condition = next(c for c in node.pod("web").status.conditions if c.type == CONFIGURATION_CONDITION)  # type: ignore[union-attr]  # it is there
    assert (condition.status, condition.message) == ("False", f"configuration newer than the running pod (web: {conf})")

    await node.crash()
    await node.start()
    await node.until("it still knows", lambda: node.parts.board.files() and report().reason == "ConfigurationNewer")
    assert [c.id for c in node.alive("web")] == [first.id]

    node.write(
        "web.yaml", manifest("web", metadata={"annotations": {**metadata["annotations"], **RESTART["annotations"]}})
    )
    await node.another("web", first)
    await node.until("nothing is newer", lambda: not report().reason)
    assert node.restarts("web") == 0


async def test_no_value_is_told(node: ObjectNode, caplog: pytest.LogCaptureFixture) -> None:
    node.give("db.yaml", secret(password="canary-in-secret"))
    node.give(
        "bad.yaml", '{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"}, "data": {"p": "canary-in-bad"}}'
    )
    node.write("web.yaml", with_env(PASSWORD, command=["/opt/$(PASSWORD)"]))
    await node.running_pod("web")
    node.give("db.yaml", secret(password="canary-in-other"))
    await node.until("it changed", lambda: node.events("ObjectChanged"))
    objects = node.ground.stores.objects
    served = repr(
        (objects.list(EVENTS), objects.list(PODS), node.parts.objects.board.files(), node.parts.board.files())
    )
    assert "canary" not in served + caplog.text + repr(list(node.parts.objects.present.held.values()))
    assert base64.b64encode(b"canary-in-secret").decode()[:10] not in served + caplog.text
