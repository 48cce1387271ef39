"""Why what was sent has not arrived: apart from who sends, so that nobody loads HTTP to catch it."""

from __future__ import annotations


class UndeliveredError(Exception):
    """An exchange came to nothing; `wrong` is True when the receiver does not want these very alerts."""

    def __init__(self, why: str, *, wrong: bool = False) -> None:
        super().__init__(why)
        self.wrong = wrong
