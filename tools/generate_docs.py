"""Write what documents say of the code and of runs: docs/restart-table.md, docs/cli.md, docs/controls.md, README's support table.

Run with `make generate`. A test compares the committed files with a fresh run.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.supported.records import read_records
from tests.supported.table import put_into, render

from podstead.cli.reference import markdown as command_reference
from podstead.manifest.restart_table import as_markdown
from podstead.policy.known import as_markdown as control_table

ROOT = Path(__file__).parent.parent
OBSERVED = ROOT / "tests" / "golden" / "restart_observed.json"
INTRODUCTION = """\
# What an edit restarts

Generated from `podstead.manifest.restart_table` by `make generate`; do not edit. A field without a row counts as `pod`.
*Seen* is what restarted when `tests/real/test_restart_table.py` made such an edit of a pod with the containers main and side on a
real containerd; a row without it was not tried there. `make generate` follows `pytest tests/real/test_restart_table.py --restart-table`.

- `nothing`: no process is touched; what runs agrees already, or takes the value up when a container next starts.
- `prober`: the next probes follow the new content; no process is touched.
- `resize`: other limits, given to the container that runs; where the runtime cannot, it is restarted.
- `container`: that container is stopped and started in its sandbox; address, volumes and the other containers stay.
- `pod`: everything is made anew, with a new sandbox and fresh emptyDirs.
- `refused`: no accepted manifest has the field.

Three things are seen across fields: a container whose env reads a changed label, annotation or resource is restarted, another
OOM protection (by priority class) restarts every container, and another QoS class restarts the pod.

"""
CONTROLS = """\
# What a policy can forbid

Generated from `podstead.policy` by `make generate`; do not edit. The first column is what an exemption writes under `controls:`
([policies](policy.md)); a policy's own rules are `Rule NAME`. *baseline* and *restricted* are controls of the Pod Security
Standards, in force by level and version. *podstead* ones are in force by the policy's own fields. *root* ones are ways to be root
on the node: they are refused at every level, the privileged one too, while signatures are enforced.

"""


def documents() -> dict[Path, str]:
    """Return the text of every generated document by its path."""
    readme = ROOT / "README.md"
    return {
        readme: put_into(readme.read_text(encoding="utf-8"), render(read_records())),
        ROOT / "docs" / "restart-table.md": INTRODUCTION
        + as_markdown(json.loads(OBSERVED.read_text(encoding="utf-8"))),
        ROOT / "docs" / "cli.md": command_reference(),
        ROOT / "docs" / "controls.md": CONTROLS + control_table(),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
