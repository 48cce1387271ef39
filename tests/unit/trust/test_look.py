"""What of a look may be parsed: each reason, in each mode, with and without an index."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from podstead.config.security import SignatureMode
from podstead.signing.index import INDEX_FILE, Expiry
from podstead.signing.provenance import INDEX, POLICY, TRUST
from podstead.signing.revocation import Revoked
from podstead.state.provenance import Provenance, Warrant
from podstead.state.sources import FileTrouble, ManifestFile
from podstead.trust.contents import Kind
from podstead.trust.evidence import ReadIndex, examine
from podstead.trust.look import Judgement, judge
from podstead.trust.standing import Standing, stand
from podstead.trust.values import WAIT_SECONDS, Moment, Past, Question, Signers
from tests.unit.trust.sets import EXPIRES, NOW, YEAR_1970, Place, key, question, signed, signer

WEB = b"kind: Pod\nmetadata: {name: web}\n"
OTHER = b"kind: Pod\nmetadata: {name: other}\n"
LATE = Moment(wall=NOW, boot=1000.0 + WAIT_SECONDS)


def verdict(place: Place, **more: object) -> tuple[Judgement, Standing, Question]:
    """Judge what lies in a place."""
    snapshot = place.look()
    asked = question(snapshot, **more)
    standing = stand(snapshot.companions, asked)
    return judge(snapshot, Kind.MANIFEST, standing, asked), standing, asked


def one(place: Place, name: str = "web.yaml", **more: object) -> ManifestFile:
    """Return what became of a file."""
    judged, _, _ = verdict(place, **more)
    return next(file for file in judged.snapshot.files if file.name == name)


def after_waiting(place: Place, name: str = "web.yaml", **more: object) -> ManifestFile:
    """Return what became of a file once nothing can be on its way any more."""
    judged, _, _ = verdict(place, **more)
    return one(place, name, **({"now": LATE} | more | {"waiting": judged.waiting}))


def under(place: Place, *, indexed: bool = True) -> Past:
    """Return the record of a node that accepted the index which lies there."""
    data, signature = place.files[INDEX_FILE], place.files[f"{INDEX_FILE}.sig"]
    held = examine(data, signature, INDEX, {key("ops").public.fingerprint})
    assert isinstance(held, ReadIndex)
    return Past(last=held.mark, floor=1, kept=held, indexed=indexed)


def in_set(**more: object) -> Place:
    """Return a place with a signed set of one file."""
    place = Place()
    place.put(7, {"web.yaml": WEB}, **more)
    return place


# --- detached signatures ---


def test_a_file_with_its_signature_counts_and_says_who_stands_for_it() -> None:
    found = one(Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB)}))

    assert found.data == WEB
    assert found.provenance == Provenance(
        warrant=Warrant.SIGNATURE,
        principals="ops@example.com",
        key=key("ops").public.fingerprint,
        digest=found.digest,
    )


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "SignatureMissing"),
        ({"web.yaml.sig": signed(OTHER)}, "SignatureWrong"),
        ({"web.yaml.sig": b"-----BEGIN"}, "SignatureDamaged"),
    ],
)
@pytest.mark.attack("half-a-pair")
def test_half_a_pair_is_waited_for_and_then_refused(files: dict[str, bytes], reason: str) -> None:
    place = Place({"web.yaml": WEB} | files)

    first, later = one(place), after_waiting(place)

    assert (first.data, first.trouble, first.reason) == (None, FileTrouble.PENDING, reason)
    assert (later.data, later.trouble, later.reason) == (None, FileTrouble.REFUSED, reason)
    assert "podstead sign" in later.message


@pytest.mark.attack("half-a-pair")
def test_a_wait_does_not_begin_anew_with_each_change_of_half_a_pair() -> None:
    first, _, _ = verdict(Place({"web.yaml": WEB}))

    later = one(Place({"web.yaml": OTHER}), now=LATE, waiting=first.waiting)

    assert later.trouble is FileTrouble.REFUSED


@pytest.mark.attack("untrusted-key")
def test_a_good_signature_by_a_key_that_nobody_trusts_is_refused_at_once() -> None:
    found = one(Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB, by="mallory")}))

    assert (found.data, found.trouble, found.reason) == (None, FileTrouble.REFUSED, "KeyUnknown")


@pytest.mark.attack("untrusted-key")
def test_a_good_signature_by_a_revoked_key_is_refused_at_once_also_for_what_runs() -> None:
    place = Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB)})
    running = one(place)
    assert running.provenance is not None
    gone = Signers(signers=(signer(),), revoked=Revoked(frozenset({key("ops").public.blob})))

    found = one(place, signers=gone, admitted={running.digest: running.provenance})

    assert (found.trouble, found.reason) == (FileTrouble.REFUSED, "KeyRevoked")


@pytest.mark.parametrize("namespace", [INDEX, POLICY, TRUST])
@pytest.mark.attack("other-purpose")
def test_a_signature_of_another_purpose_is_refused(namespace: str) -> None:
    found = one(Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB, namespace=namespace)}))

    assert (found.trouble, found.reason) == (FileTrouble.REFUSED, "SignatureForOtherPurpose")


def test_a_key_whose_time_is_over_lets_nothing_new_in_but_what_runs_counts_on() -> None:
    place = Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB)})
    running = one(place)
    assert running.provenance is not None
    over = Signers(signers=(signer(valid_before=NOW - 1),))

    new = one(place, signers=over)
    known = one(place, signers=over, admitted={running.digest: running.provenance})

    assert (new.trouble, new.reason) == (FileTrouble.REFUSED, "KeyNotValid")
    assert known.data == WEB
    assert "was valid until" in known.warnings[0]


def test_without_any_signers_what_was_admitted_counts_on_and_nothing_new_does() -> None:
    place = Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB), "other.yaml": OTHER, "other.yaml.sig": signed(OTHER)})
    running = one(place)
    assert running.provenance is not None
    lost = Signers(trouble="/etc/podstead/allowed_signers is gone")

    known = one(place, signers=lost, admitted={running.digest: running.provenance})
    new = one(place, "other.yaml", signers=lost, admitted={running.digest: running.provenance})

    assert known.data == WEB
    assert (new.data, new.reason) == (None, "SignersMissing")


# --- warn ---


def test_in_warn_everything_runs_and_what_enforce_would_refuse_is_said() -> None:
    found = one(Place({"web.yaml": WEB}), mode=SignatureMode.WARN)

    assert (found.data, found.trouble) == (WEB, None)
    assert found.warnings == (
        "SignatureMissing: nobody signed this manifest; sign it: podstead sign; enforce would refuse it",
    )
    assert found.provenance == Provenance(warrant=Warrant.NOTHING)


# --- the index ---


def test_an_index_wants_a_floor_before_it_counts_and_then_has_to_be_recorded() -> None:
    place = in_set()

    refused, accepted = one(place), one(place, past=Past(floor=7))
    _, standing, _ = verdict(place, past=Past(floor=7))

    assert (refused.data, refused.reason) == (None, "IndexWithoutRecord")
    assert "version 7, may be any old one" in refused.message
    assert accepted.provenance is not None
    assert (accepted.data, accepted.provenance.warrant, accepted.provenance.index_version) == (WEB, Warrant.INDEX, 7)
    assert standing.accept is not None
    assert standing.accept.mark.version == 7


def test_an_index_whose_version_cannot_be_recorded_lets_nothing_new_in() -> None:
    place = in_set()
    past = under(place)
    place.put(8, {"web.yaml": OTHER})

    found = after_waiting(place, past=past, frozen="cannot write the record: no space left")
    _, standing, _ = verdict(place, past=past, frozen="cannot write the record: no space left")

    assert (found.data, found.reason) == (None, "DigestMismatch")
    assert standing.accept is None
    assert [finding.reason for finding in standing.findings] == ["TrustRecordNotWritten"]


@pytest.mark.attack("planted-pod")
def test_a_file_that_the_index_does_not_list_is_refused_even_if_it_is_signed() -> None:
    place = in_set()
    place.files |= {"evil.yaml": OTHER, "evil.yaml.sig": signed(OTHER)}

    found = after_waiting(place, "evil.yaml", past=under(place))

    assert (found.data, found.trouble, found.reason) == (None, FileTrouble.REFUSED, "NotInIndex")


@pytest.mark.attack("edited-image")
def test_other_bytes_under_a_listed_name_are_refused() -> None:
    place = in_set()
    place.files["web.yaml"] = OTHER

    found = after_waiting(place, past=under(place))

    assert (found.data, found.reason) == (None, "DigestMismatch")


@pytest.mark.attack("rename")
def test_a_listed_content_under_another_name_is_refused_under_both() -> None:
    place = in_set()
    place.files["elsewhere.yaml"] = place.files.pop("web.yaml")

    new = after_waiting(place, "elsewhere.yaml", past=under(place))
    old = after_waiting(place, "web.yaml", past=under(place))

    assert (new.data, new.reason) == (None, "NotInIndex")
    assert (old.trouble, old.reason) == (FileTrouble.REFUSED, "ListedFileMissing")


@pytest.mark.attack("removed-file")
def test_a_listed_file_that_is_missing_stands_in_the_look_and_is_an_alarm_after_a_while() -> None:
    place = in_set()
    past = under(place)
    del place.files["web.yaml"]

    first, _, _ = verdict(place, past=past)
    later, _, _ = verdict(place, past=past, now=LATE, waiting=first.waiting)

    assert [file.trouble for file in first.snapshot.files] == [FileTrouble.PENDING]
    assert first.findings == ()
    assert [file.trouble for file in later.snapshot.files] == [FileTrouble.REFUSED]
    assert [finding.reason for finding in later.findings] == ["ListedFileMissing"]
    assert first.again == pytest.approx(1000.0 + WAIT_SECONDS)


@pytest.mark.attack("replay")
def test_an_older_set_is_refused_whole_while_the_last_one_stays_in_force() -> None:
    place = in_set()
    past = under(place)
    older = Place()
    older.put(6, {"web.yaml": OTHER, "more.yaml": OTHER})

    judged, standing, _ = verdict(older, past=past, now=LATE, waiting={"web.yaml": 0.0, "more.yaml": 0.0})

    assert {file.name: file.reason for file in judged.snapshot.files} == {
        "web.yaml": "DigestMismatch",
        "more.yaml": "NotInIndex",
    }
    assert standing.index is not None
    assert standing.index.version == 7
    assert [finding.reason for finding in standing.findings] == ["IndexOlder"]


@pytest.mark.attack("replay")
def test_another_set_of_the_same_version_is_refused() -> None:
    place = in_set()
    past = under(place)
    place.put(7, {"web.yaml": OTHER})

    _, standing, _ = verdict(place, past=past)

    assert [finding.reason for finding in standing.findings] == ["IndexForked"]
    assert after_waiting(place, past=past).data is None


@pytest.mark.attack("deleted-index")
def test_without_its_index_a_node_goes_by_the_last_one_and_signatures_alone_do_not_count() -> None:
    place = in_set()
    past = under(place)
    place.files = {"web.yaml": WEB, "old.yaml": OTHER, "old.yaml.sig": signed(OTHER)}

    first, _, _ = verdict(place, past=past)
    judged, standing, _ = verdict(place, past=past, now=LATE, waiting=first.waiting)

    assert {file.name: file.reason for file in judged.snapshot.files} == {"web.yaml": "", "old.yaml": "NotInIndex"}
    assert [finding.reason for finding in standing.findings] == ["IndexMissing"]


@pytest.mark.attack("deleted-index")
def test_a_lost_record_is_doubt_what_runs_counts_on_and_signatures_alone_do_not() -> None:
    place = in_set()
    running = one(place, past=Past(floor=7))
    assert running.provenance is not None
    place.files |= {"old.yaml": OTHER, "old.yaml.sig": signed(OTHER)}
    lost: dict[str, Any] = {"past": Past(indexed=True), "admitted": {running.digest: running.provenance}}

    known, new = one(place, **lost), after_waiting(place, "old.yaml", **lost)

    assert known.data == WEB
    assert "trust init --floor" in known.warnings[0]
    assert (new.data, new.reason) == (None, "IndexWithoutRecord")


@pytest.mark.attack("freeze")
def test_an_index_that_has_expired_refuses_what_is_new_only() -> None:
    place = Place()
    place.put(7, {"web.yaml": WEB, "other.yaml": OTHER})
    past = under(place)
    running = one(place, past=past)
    assert running.provenance is not None
    over: dict[str, Any] = {
        "now": Moment(wall=EXPIRES + 1.0, boot=1.0),
        "past": past,
        "admitted": {running.digest: running.provenance},
    }

    known, new = one(place, **over), one(place, "other.yaml", **over)

    assert known.data == WEB
    assert "expired" in known.warnings[0]
    assert (new.data, new.trouble, new.reason) == (None, FileTrouble.REFUSED, "IndexExpired")


@pytest.mark.attack("freeze", "prolonged-allowance")
def test_doubt_prolongs_nothing_that_root_allowed_for_a_while() -> None:
    place = in_set()
    past, digest = under(place), sha256(OTHER).hexdigest()
    place.files["other.yaml"] = OTHER
    ended: dict[str, Any] = {
        "past": past,
        "admitted": {digest: Provenance(warrant=Warrant.ALLOWED, digest=digest)},
    }
    doubtful = Place({"other.yaml": OTHER})

    found = after_waiting(doubtful, "other.yaml", **(ended | {"past": Past(indexed=True)}))
    without_signers = after_waiting(place, "other.yaml", **ended, signers=Signers(trouble="it is gone"))

    assert (found.data, found.trouble, found.reason) == (None, FileTrouble.REFUSED, "IndexMissing")
    assert (without_signers.data, without_signers.reason) == (None, "SignersMissing")


def test_an_index_whose_expiry_is_hard_excuses_nothing() -> None:
    place = in_set(expiry=Expiry.HARD)
    past = under(place)
    running = one(place, past=past)
    assert running.provenance is not None

    found = one(
        place, past=past, now=Moment(wall=EXPIRES + 1.0, boot=1.0), admitted={running.digest: running.provenance}
    )

    assert (found.data, found.reason) == (None, "IndexExpired")


@pytest.mark.attack("clock-back")
def test_in_1970_what_was_admitted_counts_on_and_nothing_new_does() -> None:
    place = Place()
    place.put(7, {"web.yaml": WEB, "other.yaml": OTHER})
    past = under(place)
    running = one(place, past=past)
    assert running.provenance is not None
    early: dict[str, Any] = {
        "now": Moment(wall=YEAR_1970, boot=1.0),
        "past": past,
        "admitted": {running.digest: running.provenance},
    }

    assert one(place, **early).data == WEB
    assert one(place, "other.yaml", **early).reason == "IndexNotYetValid"


@pytest.mark.attack("other-nodes-set")
def test_another_nodes_set_is_refused() -> None:
    place = in_set()
    past = under(place)
    place.put(8, {"web.yaml": OTHER}, node="node2")

    _, standing, _ = verdict(place, past=past)

    assert [finding.reason for finding in standing.findings] == ["IndexForOtherNode"]
    assert after_waiting(place, past=past).reason == "DigestMismatch"


def test_a_set_whose_index_comes_last_is_waited_for_and_then_taken() -> None:
    place = in_set()
    past = under(place)
    place.files["web.yaml"] = OTHER
    early = one(place, past=past)
    place.put(8, {"web.yaml": OTHER})

    after = one(place, past=past)

    assert (early.trouble, early.reason) == (FileTrouble.PENDING, "DigestMismatch")
    assert after.data == OTHER


def test_a_set_whose_index_comes_first_is_waited_for_and_then_taken() -> None:
    place = in_set()
    past = under(place)
    place.put(8, {"web.yaml": OTHER})
    place.files["web.yaml"] = WEB
    early = one(place, past=past)
    place.files["web.yaml"] = OTHER

    assert (early.trouble, early.reason) == (FileTrouble.PENDING, "DigestMismatch")
    assert one(place, past=past).data == OTHER


def test_an_index_nobody_signed_for_does_not_disturb_single_signatures() -> None:
    place = Place({"web.yaml": WEB, "web.yaml.sig": signed(WEB), INDEX_FILE: b"{}"})

    assert one(place).data == WEB


def test_of_one_watched_file_only_that_one_can_be_missing() -> None:
    place = Place()
    place.put(7, {"web.yaml": WEB, "other.yaml": OTHER})
    past = under(place)
    del place.files["other.yaml"]
    snapshot = replace(place.look(), path="/m/web.yaml")
    asked = question(snapshot, past=past)

    judged = judge(snapshot, Kind.MANIFEST, stand(snapshot.companions, asked), asked)

    assert [file.name for file in judged.snapshot.files] == ["web.yaml"]


def test_what_root_lets_through_counts_and_says_so() -> None:
    place = Place({"web.yaml": WEB})
    digest = place.look().files[0].digest

    found = one(place, allowed={digest: "let through by root until noon"})

    assert found.data == WEB
    assert found.provenance == Provenance(warrant=Warrant.ALLOWED, digest=digest)
    assert found.warnings == ("let through by root until noon",)


@pytest.mark.attack("untrusted-key")
def test_an_index_that_a_stranger_signed_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("podstead.trust.evidence.read_index", read)
    place = in_set(by="mallory")

    _, standing, _ = verdict(place)

    assert [finding.reason for finding in standing.findings] == ["IndexKeyUnknown"]
