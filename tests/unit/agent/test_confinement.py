"""Nobody becomes root against their word, and seccomp profiles are looked at before the runtime is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.agent.confinement import check_profile, refuse_root, seccomp_file
from podstead.errors import RuntimeFault
from podstead.k8s import core_v1 as v1
from podstead.state.runtime import Image

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "seccomp"
    (root / "apps").mkdir(parents=True)
    (root / "apps" / "web.json").write_text(PROFILE)
    return root


def refused(root: Path, name: str) -> str:
    with pytest.raises(RuntimeFault) as raised:
        check_profile(root, name)
    assert raised.value.reason == "CreateContainerConfigError"
    assert str(root / name) in str(raised.value)
    return str(raised.value)


def test_a_profile_that_is_roots_alone_is_good(root: Path) -> None:
    check_profile(root, "apps/web.json")
    (root / "link.json").symlink_to(root / "apps" / "web.json")
    check_profile(root, "link.json")


def test_a_profile_that_is_not_there(root: Path) -> None:
    assert f"is a path below {root} on this node" in refused(root, "apps/none.json")
    assert "is not there" in refused(root / "nowhere", "web.json")


def test_what_is_no_profile(root: Path) -> None:
    assert "is not a regular file" in refused(root, "apps")
    (root / "yaml").write_text("defaultAction: SCMP_ACT_ALLOW\n")
    assert "is not a seccomp profile in JSON" in refused(root, "yaml")
    (root / "loop.json").symlink_to("loop.json")
    assert "cannot be read: Too many levels of symbolic links" in refused(root, "loop.json")
    (root / "empty.json").write_text("{}")
    assert "`defaultAction`" in refused(root, "empty.json")
    (root / "large.json").write_bytes(b" " * (2 << 20))
    assert "is larger than 1048576 bytes" in refused(root, "large.json")


def test_a_profile_elsewhere_or_of_others(root: Path) -> None:
    (root.parent / "outside.json").write_text(PROFILE)
    (root / "out.json").symlink_to(root.parent / "outside.json")
    assert f"leads out of {root}" in refused(root, "out.json")
    (root / "apps" / "web.json").chmod(0o664)
    assert "could be changed by others than root: chown root" in refused(root, "apps/web.json")
    (root / "apps" / "web.json").chmod(0o644)
    (root / "apps").chmod(0o777)
    assert f"chmod go-w {root / 'apps'}" in refused(root, "apps/web.json")


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        (None, None, None),
        ("own.json", "pods.json", "own.json"),
        (None, "pods.json", "pods.json"),
        ("", "pods.json", None),
    ],
)
def test_which_file_counts(own: str | None, shared: str | None, expected: str | None) -> None:
    def profile(name: str | None) -> v1.SeccompProfile | None:
        if name is None:
            return None
        return v1.SeccompProfile(type="Localhost" if name else "RuntimeDefault", localhost_profile=name or None)

    container = v1.Container(name="c", security_context=v1.SecurityContext(seccomp_profile=profile(own)))
    context = v1.PodSecurityContext(seccomp_profile=profile(shared))
    spec = v1.PodSpec(containers=(container,), security_context=context)
    assert seccomp_file(container, v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=spec)) == expected


@pytest.mark.parametrize(
    ("asked", "user", "image", "words"),
    [
        (None, None, Image(id="i", user=0), ""),
        (True, 5, Image(id="i", user=0), ""),
        (True, None, Image(id="i", user=33), ""),
        (True, None, Image(id="i", user=0), "would run as root"),
        (True, 0, Image(id="i", user=33), "would run as root"),
        (True, None, Image(id="i", username="www-data"), "'www-data' is not a number"),
        (False, None, Image(id="i", user=0), ""),
    ],
)
def test_nobody_who_asked_otherwise_runs_as_root(
    asked: bool | None, user: int | None, image: Image, words: str
) -> None:
    container = v1.Container(name="c", security_context=v1.SecurityContext(run_as_non_root=asked, run_as_user=user))
    context = v1.PodSecurityContext(run_as_non_root=True if asked is False else None)
    pod = v1.Pod(metadata=v1.ObjectMeta(name="p"), spec=v1.PodSpec(containers=(container,), security_context=context))
    if not words:
        refuse_root(container, pod, image)
        return
    with pytest.raises(RuntimeFault, match=words) as raised:
        refuse_root(container, pod, image)
    assert raised.value.reason == "CreateContainerConfigError"
