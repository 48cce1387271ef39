"""Starts qemu: with the processor's own virtualisation where that carries a guest, else by emulation."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.vm.images import GuestImage

PROGRAM = "qemu-system-x86_64"
MEMORY_MIB = 1536
PROBE_SECONDS = 20.0
"""The probe's kernel runs to its end within two seconds where virtualisation works."""
KVM = ("-accel", "kvm", "-cpu", "host")
# Newer processors' instructions and several of them at once crash guests of qemu 7.2 in emulation.
EMULATION = ("-accel", "tcg", "-cpu", "Nehalem")
_BARE = ("-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-smp", "1", "-m", str(MEMORY_MIB))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a machine is started with."""

    clock: str = "utc"
    """The RTC's time at the start: `utc` for now, or such as `1970-01-02T00:00:00`."""
    lease_hostname: str = ""
    """The host name that the DHCP server gives; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of one machine, in a directory of its own."""

    directory: Path

    @property
    def disk(self) -> Path:
        """What the machine has written, over the image."""
        return self.directory / "disk.qcow2"

    @property
    def payload(self) -> Path:
        """A second disk, read-only; may be missing."""
        return self.directory / "payload.raw"

    @property
    def console(self) -> Path:
        """What came on the serial console."""
        return self.directory / "console.log"

    @property
    def agent(self) -> Path:
        """The socket of the guest agent's port."""
        return self.directory / "agent.sock"


def qemu_command(image: GuestImage, files: Files, hardware: Hardware) -> list[str]:
    """Return the command that runs a machine until it powers off. Its network reaches nothing but its DHCP server."""
    lease = f",hostname={hardware.lease_hostname}" if hardware.lease_hostname else ""
    # Not cache=unsafe: what the guest has flushed is there after a power cut, which kills qemu.
    drives = [f"file={files.disk},if=virtio,format=qcow2,cache=writeback"]
    if files.payload.exists():
        drives.append(f"file={files.payload},if=virtio,format=raw,readonly=on")
    return [
        *(PROGRAM, *accelerator(image), *_BARE),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd)),
        *("-append", "root=/dev/vda rw console=ttyS0 panic=10"),
        *(word for drive in drives for word in ("-drive", drive)),
        *("-netdev", f"user,id=net,restrict=on{lease}", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci", "-rtc", f"base={hardware.clock}"),
        *("-chardev", f"file,id=console,path={files.console},append=on", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=agent,path={files.agent},server=on,wait=off"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
    ]


def accelerator(image: GuestImage) -> tuple[str, ...]:
    """Return how guests run here. `/dev/kvm` alone does not say it: within a virtual machine it may carry no guest."""
    return KVM if _kvm_carries(image.kernel, image.initrd) else EMULATION


@functools.cache
def _kvm_carries(kernel: Path, initrd: Path) -> bool:
    """Try it: a kernel that unpacks its initial file system and finds nothing to start there ends qemu by itself."""
    if not Path("/dev/kvm").exists():
        return False
    with tempfile.TemporaryFile() as console:
        try:
            subprocess.run(
                [
                    *(PROGRAM, *KVM, *_BARE, "-no-reboot", "-serial", "stdio"),
                    *("-kernel", str(kernel), "-initrd", str(initrd)),
                    *("-append", "console=ttyS0 rdinit=/nothing root=/dev/none panic=-1"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.DEVNULL,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        console.seek(0)
        return b"Kernel panic" in console.read()
