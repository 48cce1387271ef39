"""What is in a guest: a Debian release, its packages, and the project's locked Python environment."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
GUEST_PROJECT = "/root/podstead"
"""Where the project lies in every guest: its `.venv` is in the image, its sources come with the payload."""
LOCKS = ("locks/dev.txt", "pyproject.toml")
"""What `.venv` is made from; `tools/setup` compares the same two."""

PACKAGES = (
    # A machine that boots.
    *("linux-image-cloud-amd64", "systemd-sysv", "udev", "dbus", "libpam-systemd", "kmod", "e2fsprogs", "procps"),
    # Without it systemd-networkd may not take the host name that a lease brings.
    "polkitd",
    # The control channel: it needs no network.
    "qemu-guest-agent",
    "python3",
    "python3-venv",
    "make",
)


def setup_packages() -> tuple[str, ...]:
    """Return what tools/setup installs for `make run` and `make test`: with that it installs nothing in the guest."""
    always = (REPOSITORY / "tools/setup").read_text(encoding="utf-8").partition("--vm ]; then")
    text = always[0] + always[2].partition("\nfi\n")[2]
    return tuple(re.findall(r"(?m)^ *need \S+ (\S+)$", text))


PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
"""The releases that are tested and the Python of each."""
NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13"}

# Debian's housekeeping by timer would take an emulated processor for minutes at times of its own.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "man-db.timer")

SETUP = f"""
set -eu
echo podstead-vm >"$1/etc/hostname"
printf '127.0.0.1 localhost\\n127.0.1.1 podstead-vm\\n' >"$1/etc/hosts"
printf '[Match]\\nName=en* eth*\\n[Network]\\nDHCP=ipv4\\n' >"$1/etc/systemd/network/80-dhcp.network"
chroot "$1" systemctl -q enable systemd-networkd
chroot "$1" systemctl -q mask {" ".join(MASKED)} systemd-networkd-wait-online.service
: >"$1/etc/machine-id"
"""
"""The network is systemd-networkd's, as on Debian's own cloud images; the address comes by DHCP."""

_LAYOUT_VERSION = 1
"""Raised when the code of images.py changes what is in an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One guest. Two guests of equal recipes share an image."""

    release: str
    """A code name: `bookworm` or `trixie`."""
    more_packages: tuple[str, ...] = ()
    """Debian packages besides those that every guest has, such as `docker.io`."""
    without: tuple[str, ...] = ()
    """Packages of the usual ones that this guest must not have."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Everything that is installed."""
        usual = dict.fromkeys((*PACKAGES, *setup_packages()))
        return (*(name for name in usual if name not in self.without), *self.more_packages)

    @property
    def name(self) -> str:
        """The distribution as users call it."""
        return NAMES[self.release]

    def system_key(self) -> str:
        """Return what tells the installed system apart from another."""
        parts = (self.release, *self.packages, SETUP, str(_LAYOUT_VERSION))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def disk_key(self) -> str:
        """Return what tells the whole disk apart from another: the system, and what `.venv` is made from."""
        digest = hashlib.sha256(self.system_key().encode())
        for name in LOCKS:
            digest.update((REPOSITORY / name).read_bytes())
        return digest.hexdigest()[:12]
