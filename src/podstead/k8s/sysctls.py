"""Names of sysctls as they are compared and as the runtime takes them."""

from __future__ import annotations


def dotted(name: str) -> str:
    """Return the name with dots, as `sysctl` prints it.

    A name written with slashes may hold dots in a part of its own (an interface's name); these become slashes.
    """
    first = next((character for character in name if character in "./"), "")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name
