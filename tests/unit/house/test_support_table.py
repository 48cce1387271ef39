"""README says "tested" only of what the real ring runs (foundation 26); tests/real/test_support_table.py looks there."""

from __future__ import annotations

import re

from .tree import ROOT

STATES = re.compile(r"^(?:tested|untested|not yet|out of scope)\b")


def rows() -> dict[str, str]:
    """Return the support table: what, and its state."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Support")[2].partition("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return dict(cells[2:])


def test_every_row_has_one_of_four_states() -> None:
    assert len(rows()) >= 4
    assert [state for state in rows().values() if not STATES.match(state)] == []


def test_one_machine_is_named_and_the_rest_is_untested() -> None:
    """What "tested" stands for is one combination: a system, a runtime, its OCI runtime, cgroups, and systemd or not."""
    (machine,) = [
        what for what, state in rows().items() if state.startswith("tested (this is where the real ring runs)")
    ]
    for part in (r"Debian \d+", r"containerd \d+\.\d+", r"crun \d+\.\d+", r"cgroup v[12]", r"with(?:out)? systemd"):
        assert re.search(part, machine), part
    untested = " ".join(what for what, state in rows().items() if state.startswith("untested"))
    assert all(word in untested for word in ("cgroup v2", "systemd", "containerd 1.7", "CRI-O"))
