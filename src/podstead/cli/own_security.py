"""The `security` section of our own configuration file: who may say what runs on this node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podstead.cli.config_reader import Section

_FIELDS = {"allowInsecureManifests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityFields:
    """The section's values; None: not given."""

    allow_insecure: bool | None = None


NO_SECURITY = SecurityFields()


def read_security(section: Section | None) -> SecurityFields:
    """Return what the section says; what is wrong with it is told to its reader."""
    if section is None:
        return NO_SECURITY
    section.refuse_unknown(_FIELDS)
    return SecurityFields(allow_insecure=section.boolean("allowInsecureManifests"))
