"""An entry of the manifest directory as a row of `podstead get files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.manifest.reading import foremost
from podstead.server.ages import age_since
from podstead.server.tables import NONE, Cells, Column, Printer

if TYPE_CHECKING:
    from podstead.server.port import FileReport

COLUMNS = (
    Column("File", format="name", description="Name within the manifest directory"),
    Column("Verdict", description="Accepted, Rejected or Ignored"),
    Column("Reason", description="Why it is not accepted"),
    Column("Pods", description="Pods the file makes, or the ConfigMaps and Secrets it gives"),
    Column("Revision", description="Last admitted content"),
    Column("Running", description="Revision that runs"),
    Column("Owner", description="Owner of the file"),
    Column("Age", description="Time since the file was changed"),
    Column("Writer", priority=1, description="Who changed it last, as far as the kernel told"),
    Column("Path", priority=1, description="Whole path"),
    Column("Message", priority=1, description="First error or remark, with its line and column"),
)


def file_name(report: FileReport) -> str:
    """Return the name of a file within its directory."""
    return report.path.rsplit("/", 1)[-1]


def _message(report: FileReport) -> str:
    if not report.messages:
        return NONE
    more = f" (and {len(report.messages) - 1} more)" if len(report.messages) > 1 else ""
    return f"{foremost(report.messages)[0].placed}{more}"


def file_cells(report: FileReport, now: float) -> Cells:
    """Return the row of a manifest file at `now` (Unix seconds)."""
    return Cells(
        (
            file_name(report),
            report.verdict,
            report.reason or NONE,
            ",".join((*report.pods, *report.objects)) or NONE,
            report.revision or NONE,
            report.running or NONE,
            report.owner or NONE,
            age_since(report.modified, now),
            report.writer or NONE,
            report.path,
            _message(report),
        )
    )


PRINTER = Printer(COLUMNS, file_cells)
