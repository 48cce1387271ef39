"""The state that each release wrote is read by today's code, value for value (foundation 21).

The bytes below tests/golden/state were written once, by tools/golden_state.py of their release.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from podstead import __version__
from podstead.clock import Instant
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.settings import Settings
from podstead.daemon.keeping import ProbeMemory
from podstead.daemon.stores import Stores
from podstead.identity import ContainerID, PodKey, PodUID, RevisionID
from podstead.manifest.compare import compare
from podstead.manifest.read import read_document
from podstead.state.probes import Outcome, ProbeKind
from podstead.state.records import Claim, ContainerHistory, PodRecord
from podstead.store.facts import BOOT_ID, DIRECTORY, NODE_NAME, POD_CIDR
from podstead.store.instance import open_instance

GOLDEN = Path(__file__).parents[2] / "golden" / "state"
RELEASES = sorted(path.name for path in GOLDEN.iterdir())
BOOT = "b0000000-0000-4000-8000-000000000001"
MYSQL = PodUID("11111111-1111-4111-8111-111111111111")
WEB = PodUID("22222222-2222-4222-8222-222222222222")
WEB_KEY = PodKey("default", "web-node1")
EFFECTIVE, CANDIDATE = RevisionID("446aa8477f1c2c6e"), RevisionID("582657dc7af78c64")


class LaterClock:
    """A minute after the release wrote its state."""

    def now(self) -> Instant:
        return Instant(boot_id=BOOT, boot=4381.5, wall=1_790_000_060.25)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing waits here, least of all {seconds} s")


@pytest.fixture(params=RELEASES)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A root directory as the release left it."""
    shutil.copytree(GOLDEN / request.param, tmp_path, dirs_exist_ok=True)
    return tmp_path


async def open_stores(root: Path, name: str = "node1") -> Stores:
    return await Stores.open(Settings(paths=paths_for(root), source=None, node=NodeSettings(name=name)), LaterClock())


async def check(root: Path) -> None:
    """Assert every value that the release wrote."""
    stores = await open_stores(root, name="renamed")
    assert stores.corrupt == ()
    assert stores.node_name == "node1"
    found = {name: stores.facts.get(name) for name in (NODE_NAME, POD_CIDR, DIRECTORY, BOOT_ID)}
    assert found == {NODE_NAME: "node1", POD_CIDR: "10.88.7.0/24", DIRECTORY: "64769:131:25", BOOT_ID: BOOT}
    assert open_instance(paths_for(root), wall=0.0).id == "d093cf421ef748cd9485775dfec99bde"
    await check_records(stores)
    await check_revisions(stores)
    check_memory(stores)
    events = {(e.reason, e.message, e.type, e.involved_object.name) for e in stores.events.list()}
    assert events == {
        ("Started", "Started container mysql", "Normal", "mysql-node1"),
        ("HostChanged", "set net.ipv4.ip_forward=1 (was 0)", "Warning", "node1"),
    }
    assert stores.versions.current >= json.loads((root / "state" / "versions.json").read_bytes())["end"] - 1_000_000
    await stores.close()


async def check_records(stores: Stores) -> None:
    loaded = await stores.records.load()
    assert loaded.corrupt == ()
    web, mysql = loaded.records
    assert web == PodRecord(
        key=WEB_KEY,
        uid=WEB,
        claim=Claim(file="web.yaml", document=0),
        created_at=1_789_500_000.0,
        effective=EFFECTIVE,
        candidate=CANDIDATE,
        last_ready=EFFECTIVE,
        start_time=1_789_500_001.0,
        api_uid="aaaaaaaa-2222-4222-8222-222222222222",
    )
    assert (mysql.key, mysql.uid, mysql.effective) == (
        PodKey("kube-system", "mysql-node1"),
        MYSQL,
        RevisionID("bb43d6091a12b8c7"),
    )


async def check_revisions(stores: Stores) -> None:
    """The bytes are the admitted ones; what they mean is said by today's decoder, and compared by it."""
    effective = await stores.revisions.get(WEB_KEY, EFFECTIVE)
    candidate = await stores.revisions.get(WEB_KEY, CANDIDATE)
    assert effective is not None
    assert candidate is not None
    assert (effective.file, effective.owner, effective.seen_at) == ("web.yaml", "root", 1_789_999_940.25)
    old, new = read_document(effective.data, "node1"), read_document(candidate.data, "node1")
    assert old.spec.containers[0].image == "nginx:1.27"
    assert old.spec.containers[0].env[0].value == "golden-secret"
    edit = compare(old, new)
    assert [change.path for change in edit.fields] == ["spec.containers[web].image"]
    assert (edit.pod, edit.containers) == (False, frozenset({"web"}))
    assert compare(old, read_document(effective.data, "node1")).fields == ()


def check_memory(stores: Stores) -> None:
    history = stores.history.get(MYSQL)
    assert history.sandbox_attempt == 2
    assert history.containers == {
        "mysql": ContainerHistory(
            last_attempt=6,
            started_attempt=6,
            killed_attempt=5,
            restart_count=6,
            backoff_level=3,
            advanced_at=4000.5,
            boot_id=BOOT,
        )
    }
    (intent,) = stores.history.intents(WEB)
    assert (intent.kind, intent.container, intent.attempt, intent.revision) == ("container", "web", 0, EFFECTIVE)
    probes = ProbeMemory(stores.history).load(MYSQL)
    assert probes is not None
    container = ContainerID("c" * 64)
    assert probes.outcome(container, ProbeKind.LIVENESS) is Outcome.SUCCESS
    assert probes.verdicts[container, ProbeKind.READINESS].failures == 3


async def test_what_the_release_wrote_is_read(root: Path) -> None:
    await check(root)
    await check(root)  # and what was read and written again is read again


async def test_what_a_newer_release_adds_is_passed_over(root: Path) -> None:
    make_newer(root)
    await check(root)


def make_newer(root: Path) -> None:
    """Change the state as a later release might: higher schema numbers, unknown keys, another column, another table."""
    for path in [*root.rglob("*.json")]:
        document = json.loads(path.read_bytes())
        path.write_text(json.dumps({**document, "schema": 99, "invented": {"later": [1]}}))
    with closing(sqlite3.connect(root / "state" / "podstead.db")) as database:
        database.executescript(
            "ALTER TABLE events ADD COLUMN invented TEXT; CREATE TABLE invented (a TEXT); PRAGMA user_version = 99"
        )


async def test_what_is_written_now_is_its_owners_alone(root: Path) -> None:
    """Revisions hold passwords: whatever a copy of the state allowed, what is written is 0600."""
    stores = await open_stores(root)
    (web, _) = (await stores.records.load()).records
    found = await stores.revisions.get(WEB_KEY, EFFECTIVE)
    assert found is not None
    await stores.revisions.put(found, replace(found, id=RevisionID("0" * 16)))
    await stores.records.put(web)
    await stores.close()
    state = root / "state"
    written = [
        state / "records" / f"default_web-node1_{WEB}.json",
        *state.rglob(f"{EFFECTIVE}.*"),
        *state.rglob("0000*"),
    ]
    assert len(written) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}


def test_every_release_is_recorded() -> None:
    assert __version__ in RELEASES
