"""What keeps a container from starting with less confinement than it asks for; found before the runtime is asked."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from podstead.errors import RuntimeFault

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.state.runtime import Image

CONFIG_ERROR = "CreateContainerConfigError"
MAX_PROFILE_BYTES = 1 << 20
"""Docker's default profile, one of the largest that people use, has 13 KiB."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class _Profile(msgspec.Struct, rename="camel"):
    """What every seccomp profile has (OCI runtime specification, config-linux)."""

    default_action: str


_PROFILE = msgspec.json.Decoder(_Profile)
"""Made at the import: threads in which msgspec meets a type for the first time at once crash the process."""


def refuse_root(container: v1.Container, pod: v1.Pod, image: Image) -> None:
    """Keep a container that asked not to run as root from doing so by its image (S34); raises RuntimeFault."""
    own, shared = container.security_context, pod.spec.security_context
    asked = own.run_as_non_root if own and own.run_as_non_root is not None else shared and shared.run_as_non_root
    if not asked:
        return
    user = own.run_as_user if own and own.run_as_user is not None else shared.run_as_user if shared else None
    if user is None:
        user = image.user if image.user is not None else None if image.username else 0
    if user is None:
        raise RuntimeFault(
            f"container {container.name} has runAsNonRoot and its image's user {image.username!r} is not a number: "
            "write runAsUser",
            reason=CONFIG_ERROR,
        )
    if user == 0:
        raise RuntimeFault(
            f"container {container.name} has runAsNonRoot and would run as root: write runAsUser", reason=CONFIG_ERROR
        )


def seccomp_file(container: v1.Container, pod: v1.Pod) -> str | None:
    """Return the file of a container's own seccomp profile, relative to where the node keeps them; None without one."""
    own, shared = container.security_context, pod.spec.security_context
    profile = (own.seccomp_profile if own else None) or (shared.seccomp_profile if shared else None)
    return profile.localhost_profile if profile is not None and profile.type == "Localhost" else None


def check_profile(root: Path, name: str) -> bytes:
    """Return a seccomp profile, looked at before the runtime does, whose words about it are hard to read; blocks for a moment.

    Nobody but root may be able to change it: the container would be confined by whoever can.

    Raises:
        RuntimeFault: it is not there, not a profile, or not root's alone.
    """
    path = root / name
    try:
        real = Path(os.path.realpath(path, strict=True))
        if fault := _fault(Path(os.path.realpath(root)), real):
            raise RuntimeFault(f"seccomp profile {path} {fault}", reason=CONFIG_ERROR)
        return real.read_bytes()
    except FileNotFoundError:
        raise RuntimeFault(
            f"seccomp profile {path} is not there: localhostProfile is a path below {root} on this node",
            reason=CONFIG_ERROR,
        ) from None
    except OSError as error:
        raise RuntimeFault(f"seccomp profile {path} cannot be read: {error.strerror}", reason=CONFIG_ERROR) from error


def _fault(root: Path, path: Path) -> str:
    """Return what is wrong with a profile, as a predicate; raises OSError."""
    if root not in path.parents:
        return f"leads out of {root}: put a copy there"
    if not path.is_file():
        return "is not a regular file"
    for one in (path, *path.parents[: path.parents.index(root) + 1]):
        status = one.stat()
        if status.st_uid not in {0, os.geteuid()} or status.st_mode & _OTHERS_WRITE:
            return f"could be changed by others than root: chown root {one} && chmod go-w {one}"
    if path.stat().st_size > MAX_PROFILE_BYTES:
        return f"is larger than {MAX_PROFILE_BYTES} bytes"
    try:
        _PROFILE.decode(path.read_bytes())
    except msgspec.MsgspecError as error:
        return f"is not a seccomp profile in JSON: {error}"
    return ""
