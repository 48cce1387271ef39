"""Entry point of the command line."""

from __future__ import annotations


def main() -> int:
    """Run one command and return its exit code."""
    return 2
