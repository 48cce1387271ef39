"""What may be left to a kubelet, and what may not."""

from __future__ import annotations

import pytest

from podstead.manifest.read_for_kubelet import MAX_BYTES, read_for_kubelet
from podstead.policy.pod_security.faults import places
from tests.support.inspected import pod

WEB = pod("web")


def test_the_pod_that_a_kubelet_runs() -> None:
    reading = read_for_kubelet(WEB.encode(), "Node1")
    (one,) = reading.pods
    assert (str(one.key), one.document, one.data) == ("kube-system/web-node1", 1, WEB.encode())


def test_what_podstead_itself_would_not_run_may_be_a_kubelets() -> None:
    """A kubelet has fields that this agent refuses: they are judged, not refused."""
    text = WEB + "    stdin: true\n    tty: true\n"
    assert read_for_kubelet(text.encode(), "n").accepted


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        (WEB + "    image: other:1\n", "ReadsDifferently", 8),
        (WEB + "---\n" + pod("b"), "ReadsDifferently", 0),
        (WEB + "    fieldOfTomorrow: 1\n", "ReadsDifferently", 8),
        (WEB.replace("name: web", "name: Web"), "KubeletWouldReject", 3),
        (WEB + "    env: [{name: A, value: 1}]\n", "KubeletWouldReject", 8),
        ("---\n---\n" + WEB, "KubeletWouldReject", 0),
        ("x", "KubeletWouldReject", 1),
        ("", "KubeletWouldReject", 0),
        ("{" * 100, "KubeletWouldReject", 1),
        ("#" * (MAX_BYTES + 1), "KubeletWouldReject", 0),
    ],
)
def test_what_is_refused(text: str, reason: str, line: int) -> None:
    reading = read_for_kubelet(text.encode(), "n")
    assert (reading.reason, reading.pods, reading.messages[0].line) == (reason, (), line)


def test_the_last_of_equal_keys_is_what_is_judged_elsewhere() -> None:
    from podstead.manifest.kubelet_view import view

    seen = view(
        (WEB + "    securityContext: {privileged: false}\n    securityContext: {privileged: true}\n").encode(), "n"
    )
    assert seen.pod is not None
    assert [place.context.privileged for place in places(seen.pod)] == [True]
    assert [sentence for sentence, _ in seen.ambiguous] == [
        "spec.containers[0].securityContext stands twice, and the last one counts"
    ]
