"""Record the state that this release writes, below tests/golden/state/VERSION: run once at each release, never again.

    .venv/bin/python tools/golden_state.py

Every release must read what each earlier one wrote (foundation 21); tests/unit/store/test_golden_state.py holds it to
that. The recorded bytes are therefore never written again by newer code: this program refuses to.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from podstead import __version__
from podstead.clock import Instant
from podstead.config.node import NodeSettings
from podstead.config.paths import paths_for
from podstead.config.settings import Settings
from podstead.daemon.keeping import ProbeMemory, RevisionFiles, StoreBooks
from podstead.daemon.reporting import EventRecorder
from podstead.daemon.stores import Stores
from podstead.identity import ContainerID, PodUID, RevisionID
from podstead.manifest.read import read_manifest
from podstead.state.probes import Outcome, PodProbes, ProbeKind, ProbeVerdict
from podstead.state.records import Claim, ContainerHistory, PodHistory, PodRecord, Revision
from podstead.store.facts import BOOT_ID, DIRECTORY, POD_CIDR
from podstead.store.instance import make_directories, open_instance

if TYPE_CHECKING:
    from podstead.state.audit import AuditEntry

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "tests" / "golden" / "state"
NOW = Instant(boot_id="b0000000-0000-4000-8000-000000000001", boot=4321.5, wall=1_790_000_000.25)
MYSQL_UID = PodUID("11111111-1111-4111-8111-111111111111")
WEB_UID = PodUID("22222222-2222-4222-8222-222222222222")
WEB = b"""\
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - name: web
    image: nginx:1.27
    env: [{name: TOKEN, value: golden-secret}]
    ports: [{containerPort: 80, hostPort: 8080}]
    livenessProbe: {httpGet: {path: /, port: 80}}
"""


class StillClock:
    """The moment at which everything was written."""

    def now(self) -> Instant:
        """Return it."""
        return NOW

    async def sleep(self, seconds: float) -> None:
        """Let others work."""
        await asyncio.sleep(min(seconds, 0.0))


def revision(file: str, data: bytes) -> Revision:
    """Return the revision of a manifest with one Pod."""
    (pod,) = read_manifest(data, node_name="node1").pods
    return Revision(
        id=pod.revision, key=pod.key, pod=pod.pod, data=pod.data, file=file, owner="root", seen_at=NOW.wall - 60.0
    )


async def write(stores: Stores) -> None:
    """Write something of everything that is kept."""
    mysql = revision("mysql.yaml", (ROOT / "demo" / "mysql" / "static-mysql.yaml").read_bytes())
    web, edited = revision("web.yaml", WEB), revision("web.yaml", WEB.replace(b"1.27", b"1.28"))
    await stores.facts.put({POD_CIDR: "10.88.7.0/24", DIRECTORY: "64769:131:25", BOOT_ID: NOW.boot_id})
    records = (
        record(mysql, MYSQL_UID, created_at=1_789_000_000.5, effective=mysql.id),
        record(web, WEB_UID, created_at=1_789_500_000.0, effective=web.id, candidate=edited.id, last_ready=web.id),
    )
    await RevisionFiles(stores.revisions, stores.records).put((mysql, web, edited), records)
    books = StoreBooks(stores.records, stores.history, StillClock())
    crashing = ContainerHistory(
        last_attempt=6,
        started_attempt=6,
        killed_attempt=5,
        restart_count=6,
        backoff_level=3,
        advanced_at=4000.5,
        boot_id=NOW.boot_id,
    )
    books.save_history(MYSQL_UID, PodHistory(sandbox_attempt=2, containers={"mysql": crashing}))
    await books.intent(WEB_UID, "web", 0, web.id)
    container = ContainerID("c" * 64)
    verdicts = {
        (container, ProbeKind.LIVENESS): ProbeVerdict(outcome=Outcome.SUCCESS),
        (container, ProbeKind.READINESS): ProbeVerdict(outcome=Outcome.FAILURE, failures=3),
    }
    ProbeMemory(stores.history).save(MYSQL_UID, PodProbes(verdicts))
    recorder = EventRecorder(stores.events, "node1", Unaudited())
    recorder.event(mysql.key, MYSQL_UID, "Started", "Started container mysql")
    recorder.node_event("HostChanged", "set net.ipv4.ip_forward=1 (was 0)", warning=True)


class Unaudited:
    """No act is recorded of a state that is made up."""

    def note(self, entry: AuditEntry) -> None:
        """Drop an entry."""


def record(
    of: Revision,
    uid: PodUID,
    *,
    created_at: float,
    effective: RevisionID,
    candidate: RevisionID | None = None,
    last_ready: RevisionID | None = None,
) -> PodRecord:
    """Return the record of an incarnation that runs."""
    return PodRecord(
        key=of.key,
        uid=uid,
        claim=Claim(file=of.file, document=of.document),
        created_at=created_at,
        effective=effective,
        candidate=candidate,
        last_ready=last_ready,
        start_time=created_at + 1.0,
        api_uid=f"aaaaaaaa{uid[8:]}",
    )


async def record_state(target: Path) -> None:
    """Let this release's stores write below a root of their own, and keep what they wrote."""
    root = Path(tempfile.mkdtemp(prefix="ps-", dir="/tmp"))
    try:
        paths = paths_for(root)
        make_directories(paths)
        open_instance(paths, wall=NOW.wall)
        stores = await Stores.open(Settings(paths=paths, source=None, node=NodeSettings(name="node1")), StillClock())
        await write(stores)
        await stores.close()
        with contextlib.closing(sqlite3.connect(paths.state / "podstead.db")) as database:
            database.execute("PRAGMA journal_mode=DELETE")  # one file instead of three
        shutil.copytree(paths.state, target / "state")
        shutil.copy(root / "instance.json", target)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    release = TARGET / __version__
    if release.exists():
        sys.exit(f"the state of release {__version__} is recorded already: give the next release its number first")
    asyncio.run(record_state(release))
    print(f"wrote {release.relative_to(ROOT)}")
