"""Circles of pods that would wait for one another: which files are refused for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from podstead.identity import PodKey, PodUID, RevisionID
from podstead.k8s import core_v1 as v1
from podstead.k8s.annotations import START_AFTER
from podstead.manifest.reading import ManifestPod, Reading
from podstead.state.fold import CIRCLE, Folded, fold
from podstead.state.records import Claim, PodRecord
from podstead.state.reports import Verdict
from podstead.state.sources import ManifestFile, SourceSnapshot
from podstead.state.start_order import circle, circles, entangled
from tests.support.computing import computing


def key(name: str) -> PodKey:
    return PodKey("default", f"{name}-n")


def reading(text: str) -> Reading:
    """`a>b,c` is pod a that starts after b and c."""
    name, _, after = text.partition(">")
    metadata = v1.ObjectMeta(name=f"{name}-n", namespace="default", annotations={START_AFTER: after})
    pod = v1.Pod(metadata=metadata, spec=v1.PodSpec(containers=(v1.Container(name="c"),), node_name="n"))
    found = ManifestPod(key=key(name), revision=RevisionID(text), pod=pod, data=text.encode(), document=1)
    return Reading(pods=(found,))


def record(text: str) -> PodRecord:
    name = text[0]
    claim = Claim(file=f"{name}.yaml", document=1)
    return PodRecord(key=key(name), uid=PodUID(name), claim=claim, created_at=0.0, effective=RevisionID(text))


def folded(held: tuple[str, ...], *texts: str) -> Folded:
    files = {f"{text[0]}.yaml": text for text in texts}
    snapshot = SourceSnapshot(
        path="/m",
        files=tuple(ManifestFile(name=name, path=f"/m/{name}", data=text.encode()) for name, text in files.items()),
        certain=True,
    )
    return fold({key(t[0]): record(t) for t in held}, snapshot, {name: reading(t) for name, t in files.items()})


def refused(outcome: Folded) -> list[str]:
    return [v.name for v in outcome.verdicts if (v.verdict, v.reason) == (Verdict.REJECTED, CIRCLE)]


def test_a_chain_is_no_circle() -> None:
    outcome = folded((), "a>b", "b>c", "c", "d>b,c")
    assert refused(outcome) == []
    assert len(outcome.wanted) == 4


def test_new_files_that_make_a_circle_are_all_refused() -> None:
    outcome = folded((), "a>b", "b>c", "c>a", "d>a")
    assert refused(outcome) == ["a.yaml", "b.yaml", "c.yaml"]
    assert "default/a-n waits for default/b-n waits for default/c-n waits for default/a-n" in (
        outcome.verdicts[0].messages[0].message
    )
    assert list(outcome.wanted) == [key("d")]


def test_only_the_edit_that_closes_the_circle_is_refused() -> None:
    outcome = folded(("a>b", "b"), "a>b", "b>a")
    assert refused(outcome) == ["b.yaml"]
    assert (list(outcome.wanted), outcome.keep, outcome.remove) == ([key("a")], frozenset({key("b")}), {})


def test_what_was_admitted_before_is_not_refused() -> None:
    assert refused(folded(("a>b", "b>a"), "a>b", "b>a")) == []


NAMES = "abcdef"


@given(st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES + "z"), max_size=3) for name in NAMES}))
def test_only_what_is_entangled_has_circles(after: dict[str, list[str]]) -> None:
    waits = {key(name): tuple(map(key, others)) for name, others in after.items()}
    tangle = entangled(waits)
    for name in waits:
        assert len(circle(name, waits)) == (len(circle(name, tangle)) if name in tangle else 0)


def test_300_pods_that_each_wait_for_16_in_one_circle_cost_little() -> None:
    readings = {
        f"p{i}.yaml": reading(f"p{i}>{','.join(f'p{(i - back) % 300}' for back in range(1, 17))}") for i in range(300)
    }
    with computing() as cost:
        refused = circles(readings, {})
    assert cost.seconds < 0.5, "it was 1.5 s, at each look, on the loop that probes run on"
    for i in range(300):
        assert f"circle: default/p{i}-n waits for " in refused[f"p{i}.yaml"]
        assert f" waits for default/p{i}-n; remove" in refused[f"p{i}.yaml"]
