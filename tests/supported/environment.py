"""Where tests ran: the facts that the support table is about, read by one script on this machine or inside a guest."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from podstead.containerd.locate import SEARCH_PATH

FACTS = f"""\
PATH=$PATH:{":".join(SEARCH_PATH)}
. /etc/os-release
echo "system=$ID ${{VERSION_ID:-$VERSION_CODENAME}}"
echo "kernel=$(uname -r)"
echo "init=$(test -d /run/systemd/system && echo systemd || echo other)"
echo "cgroups=$(test -e /sys/fs/cgroup/cgroup.controllers && echo v2 || echo v1)"
for program in containerd crio crun runc; do
  command -v $program >/dev/null && echo "$program=$($program --version | head -n 1)"
done
true
"""
"""For `sh`: prints `name=value` lines. The versions are those of the programs that PATH finds first."""

_VERSION = re.compile(r"\b(\d+\.\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Environment:
    """What a test ran on. Two runs with the same facts are one row or cell of the table."""

    system: str
    """As in `Debian 12`."""
    kernel: str
    """Major and minor."""
    init: str
    """`systemd` or `other`."""
    cgroups: str
    """`v1` or `v2`."""
    runtime: str
    """`containerd` or `CRI-O`."""
    runtime_version: str
    oci: str
    """`runc` or `crun`."""
    oci_version: str

    @property
    def title(self) -> str:
        """What README says of it, such as `containerd 1.6, crun 1.8`: Debian's updates change no more than patch levels."""
        return f"{self.runtime} {_minor(self.runtime_version)}, {self.oci} {_minor(self.oci_version)}"

    @property
    def line(self) -> str:
        """The runtime's line of versions, as `RELEASES` names them: `1.6`, `1.7`, and from 2 on the major alone."""
        major, minor = self.runtime_version.split(".")[:2]
        return f"{major}.{minor}" if major in {"0", "1"} else major


def parse_facts(text: str, *, oci: str, runtime: str = "containerd") -> Environment:
    """Return the environment from what `FACTS` printed; `oci` is the runtime that the agent under test uses.

    Raises:
        KeyError: the script told nothing of this runtime; it is not installed there.
    """
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    system, _, release = facts["system"].partition(" ")
    return Environment(
        system=f"{system.capitalize()} {release}",
        kernel=".".join(facts["kernel"].split(".")[:2]),
        init=facts["init"],
        cgroups=facts["cgroups"],
        runtime=runtime,
        runtime_version=_version(facts[{"containerd": "containerd", "CRI-O": "crio"}[runtime]]),
        oci=oci,
        oci_version=_version(facts[oci]),
    )


def this_environment(*, oci: str, runtime: str = "containerd") -> Environment:
    """Return what a test runs on here, with the programs that this process's PATH finds first."""
    told = subprocess.run(["sh", "-c", FACTS], capture_output=True, text=True, check=True, timeout=30)
    return parse_facts(told.stdout, oci=oci, runtime=runtime)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _version(said: str) -> str:
    found = _VERSION.search(said)
    assert found is not None, f"no version in {said!r}"
    return found[1]
