"""What a user of the demo must act on."""

from __future__ import annotations

from podstead.errors import OperatorError


class DemoError(OperatorError):
    """The demo cannot go on; the text is one sentence that says why and what to do."""
