"""An image as a row of `podstead image ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.server.tables import NONE, Cells, Column, Printer

if TYPE_CHECKING:
    from podstead.server.port import ImageReport

COLUMNS = (
    Column("Image", format="name", description="Names of the image"),
    Column("Id", description="Image id, first 12 digits"),
    Column("Size", description="Bytes on disk"),
    Column("In Use", description="How many pods need it"),
    Column("Digests", priority=1, description="Digests it was pulled by"),
)
_UNITS = ("B", "kB", "MB", "GB", "TB")


def format_size(size: int) -> str:
    """Return a number of bytes with three significant digits and a decimal unit, as image lists show it."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{size}B" if unit == 0 else f"{value:.3g}{_UNITS[unit]}"


def image_cells(image: ImageReport, now: float) -> Cells:  # noqa: ARG001 - a printer's signature; images show no age
    """Return the row of an image."""
    return Cells(
        (
            ",".join(image.tags) or NONE,
            image.id.removeprefix("sha256:")[:12],
            format_size(image.size),
            str(len(image.pods)),
            ",".join(image.digests) or NONE,
        )
    )


PRINTER = Printer(COLUMNS, image_cells)
