"""A pod's revision as a row of `podstead history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.ages import age_since
from podstead.server.tables import NONE, Cells, Column, Printer

if TYPE_CHECKING:
    from podstead.server.operations import RevisionReport

COLUMNS = (
    Column("Revision", format="name", description="Id of the content: the beginning of its SHA-256"),
    Column("State", description="Effective, Candidate, LastReady, PassedOver, Failed"),
    Column("Admitted", description="Time since the file first said it"),
    Column("Effective", description="Time since it last became effective"),
    Column("File", description="File it stood in"),
    Column("Owner", description="Owner of the file"),
    Column("Signer", description="Who signed it"),
)


def revision_cells(report: RevisionReport, now: float) -> Cells:
    """Return the row of a revision at `now` (Unix seconds)."""
    return Cells(
        (
            report.id,
            ",".join(report.states) or NONE,
            age_since(report.admitted, now),
            age_since(report.effective_since, now) if report.effective_since else NONE,
            report.file or NONE,
            report.owner or NONE,
            report.signer or NONE,
        )
    )


PRINTER = Printer(COLUMNS, revision_cells)
