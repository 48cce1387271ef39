"""What a gate says of bytes that count shows in the verdict, and refuses nothing."""

from __future__ import annotations

from podstead.manifest.reading import Severity
from podstead.state.fold import fold
from podstead.state.reports import Verdict
from podstead.state.sources import ManifestFile, SourceSnapshot


def test_a_warning_of_a_file_is_shown_with_its_verdict() -> None:
    file = ManifestFile(name="web.yaml", path="/m/web.yaml", data=b"x", digest="1", warnings=("nobody signed it",))
    snapshot = SourceSnapshot(path="/m", files=(file,), certain=True)

    (verdict,) = fold({}, snapshot, {}).verdicts

    assert verdict.verdict is Verdict.PENDING
    assert [(message.severity, message.message) for message in verdict.messages] == [
        (Severity.WARNING, "nobody signed it")
    ]
