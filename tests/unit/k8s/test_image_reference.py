"""Docker's notation of image references."""

from __future__ import annotations

import pytest

from podstead.k8s.image_reference import ImageReference, InvalidReference, parse

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("mysql", "docker.io/library/mysql:latest"),
        ("mysql:5.7.39", "docker.io/library/mysql:5.7.39"),
        ("bitnami/mysql", "docker.io/bitnami/mysql:latest"),
        ("docker.io/mysql", "docker.io/library/mysql:latest"),
        ("index.docker.io/mysql:8", "docker.io/library/mysql:8"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("127.0.0.1:5011/lib/busybox:1", "127.0.0.1:5011/lib/busybox:1"),
        ("[fd00::1]:5000/a:t", "[fd00::1]:5000/a:t"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("quay.io/a/b/c_d/e__f/g--h:T_1.x-y", "quay.io/a/b/c_d/e__f/g--h:T_1.x-y"),
        (f"mysql@{DIGEST}", f"docker.io/library/mysql@{DIGEST}"),
        (f"mysql:8@{DIGEST}", f"docker.io/library/mysql:8@{DIGEST}"),
        ("MyHost/a", "MyHost/a:latest"),
        ("a:5000", "docker.io/library/a:5000"),
    ],
)
def test_valid(text: str, full: str) -> None:
    reference = parse(text)
    assert isinstance(reference, ImageReference)
    assert str(reference) == full
    assert parse(full) == reference


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no name"),
        (":tag", "no name"),
        ("MySQL", "lower case"),
        ("quay.io/MySQL", "lower case"),
        ("mysql:", "no valid tag"),
        ("mysql:a/b:", "no valid tag"),
        ("mysql:ümlaut", "no valid tag"),
        ("mysql:" + "t" * 129, "no valid tag"),
        ("mysql@sha256:12", "digest"),
        ("mysql@", "digest"),
        ("mysql@sha256:" + "a" * 63, "64 are due"),
        ("my sql", "repository name"),
        ("-mysql", "repository name"),
        ("a//b", "repository name"),
        ("quay.io/", "repository name"),
        ("a" * 300, "longer than 255"),
        ("ab" * 32, "image id"),
        ("bad_host.io/a", "registry"),
        ("http://quay.io/a", ""),
    ],
)
def test_invalid_says_why(text: str, word: str) -> None:
    reference = parse(text)
    assert isinstance(reference, InvalidReference)
    assert word in reference.why
