"""The file /usr/share/doc/podstead/copyright, in Debian's machine-readable form (DEP 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deb.bundle import BuildError, Library

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORT_NAMES = {
    "MIT": "Expat",
    "MIT-0": "MIT-0",
    "MIT License": "Expat",
    "The MIT License (MIT)": "Expat",
    "BSD-3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-2-Clause": "BSD-2-Clause",
    "Apache-2.0": "Apache-2.0",
    "Apache-2.0 OR BSD-3-Clause": "Apache-2.0",
}
"""Licences as metadata writes them, and their short names in DEP 5: what is not here was not looked at yet."""
APACHE = """\
License: Apache-2.0
 On Debian systems the whole text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
"""
HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: podstead
Comment: The libraries below usr/lib/podstead/site-packages are bundled, as
 Debian's are too old for Podstead or not there; their releases are pinned.

Files: *
Copyright: The Podstead authors
License: Apache-2.0

"""
COPYRIGHT = re.compile(r"^\s*(?:Copyright\s+(?:\(c\)\s*)?|\(c\)\s*)(\S.*)$", re.IGNORECASE | re.MULTILINE)


def copyright_text(libraries: Iterable[Library], place: str) -> str:
    """Return the file's text; raises BuildError for a licence that nobody looked at yet."""
    return HEAD + "".join(f"{_paragraph(library, place)}\n" for library in libraries) + APACHE


def _paragraph(library: Library, place: str) -> str:
    short = SHORT_NAMES.get(library.licence)
    if short is None:
        raise BuildError(
            f"the licence of {library.name} is {library.licence!r}: look at it, and name it in deb/copyright.py"
        )
    files = "\n ".join(
        f"{place}/{name}{'' if '.' in name and not name.endswith('-info') else '/*'}" for name in library.files
    )
    holders = COPYRIGHT.findall(library.text) if short != "Apache-2.0" else []
    lines = [f"Files: {files}", f"Copyright: {_joined(holders or [library.author or 'its authors'])}"]
    lines += [f"License: {short}"]
    if short != "Apache-2.0":
        lines += [f" {line.rstrip()}" if line.strip() else " ." for line in library.text.strip().splitlines()]
    lines += [f"Comment: {library.name} {library.version}, {library.home}"]
    return "\n".join(lines) + "\n"


def _joined(holders: list[str]) -> str:
    return "\n ".join(dict.fromkeys(holder.strip() for holder in holders))
