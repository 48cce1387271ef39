"""Revisions are compared by today's code, and one that something names is never pruned (foundation 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.agent.session import PodSession
from podstead.agent.shelf import RevisionShelf
from podstead.daemon.keeping import RevisionFiles
from podstead.identity import PodKey, PodUID, RevisionID
from podstead.k8s.volumes import needed_images
from podstead.manifest.compare import compare
from podstead.manifest.read import read_manifest
from podstead.state.records import Claim, PodRecord, Revision
from podstead.store.records import RecordStore
from podstead.store.revisions import KEPT_REVISIONS, RevisionStore

if TYPE_CHECKING:
    from pathlib import Path

KEY = PodKey("default", "web-node1")
SHORT = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web, image: 'nginx:1'}]}}"
LONG = """\
# The same pod, written by somebody who likes to see the defaults.
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: default
spec:
  restartPolicy: Always
  terminationGracePeriodSeconds: 30
  containers:
    - image: "nginx:1"
      name: web
      imagePullPolicy: IfNotPresent
"""


def revision(text: str, seen_at: float = 0.0) -> Revision:
    (pod,) = read_manifest(text.encode(), node_name="node1").pods
    return Revision(id=pod.revision, key=pod.key, pod=pod.pod, data=pod.data, file="web.yaml", seen_at=seen_at)


def shelf_in(directory: Path) -> tuple[RevisionShelf, RevisionStore]:
    store = RevisionStore(directory, wall=lambda: 0.0)
    return RevisionShelf(RevisionFiles(store, RecordStore(directory, wall=lambda: 0.0)), "node1"), store


def session(effective: RevisionID, candidate: RevisionID | None, last_ready: RevisionID | None) -> PodSession:
    record = PodRecord(
        key=KEY,
        uid=PodUID("u"),
        claim=Claim(file="web.yaml", document=0),
        created_at=0.0,
        effective=effective,
        candidate=candidate,
        last_ready=last_ready,
    )
    return PodSession(record=record)


async def test_stored_bytes_are_compared_by_what_they_mean_today(tmp_path: Path) -> None:
    """Two texts of one meaning have different ids, and yet an edit from one to the other changes nothing."""
    short, long = revision(SHORT), revision(LONG)
    assert short.id != long.id
    shelf, _ = shelf_in(tmp_path)
    await shelf.admit([short, long])
    old, new = await shelf.load(KEY, short.id), await shelf.load(KEY, long.id)
    assert old is not None
    assert new is not None
    assert (old.data, new.data) == (SHORT.encode(), LONG.encode())
    assert compare(old.pod, new.pod).fields == ()


async def test_what_is_named_is_never_pruned(tmp_path: Path) -> None:
    """The record's three and one that only a container names are older than all that is kept for its age."""
    shelf, store = shelf_in(tmp_path)
    many = [revision(SHORT.replace("nginx:1", f"nginx:1.{n}"), seen_at=float(n)) for n in range(KEPT_REVISIONS + 8)]
    await shelf.admit(many)
    effective, candidate, last_ready, of_container = (r.id for r in many[:4])
    pod = session(effective, candidate, last_ready)
    pod.revisions = {r.id: r for r in many}
    pod.images = {image: "sha256:1" for r in many for image in needed_images(r.pod)}

    await shelf.tidy(pod, [of_container])

    left = {r.id for r in await store.list(KEY)}
    assert sorted(pod.images) == sorted(f"nginx:1.{n}" for n in range(4)), "images of other revisions are forgotten"
    named = {effective, candidate, last_ready, of_container}
    assert left == named | {r.id for r in many[-KEPT_REVISIONS:]}
    assert set(pod.revisions) == named


async def test_a_start_brings_back_what_the_record_and_the_containers_name(tmp_path: Path) -> None:
    shelf, _ = shelf_in(tmp_path)
    effective, candidate, of_container = (revision(SHORT.replace("nginx:1", f"nginx:{n}")) for n in range(3))
    await shelf.admit([effective, candidate, of_container])
    pod = session(effective.id, candidate.id, RevisionID("f" * 16))
    await shelf.fill(pod, [of_container.id, None])
    assert set(pod.revisions) == {effective.id, candidate.id, of_container.id}
