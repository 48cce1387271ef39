from __future__ import annotations

import pytest

from podstead.containerd.reference import parse_tagged_name
from podstead.errors import OperatorError


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("mysql", "docker.io/library/mysql:latest"),
        ("mysql:5.7.39", "docker.io/library/mysql:5.7.39"),
        ("library/mysql:5", "docker.io/library/mysql:5"),
        ("index.docker.io/mysql:5", "docker.io/library/mysql:5"),
        ("team/app:v1", "docker.io/team/app:v1"),
        ("localhost/app", "localhost/app:latest"),
        ("r.example:5000/a/b__c-d:V_1.0", "r.example:5000/a/b__c-d:V_1.0"),
    ],
)
def test_defaults_are_written_out(text: str, full: str) -> None:
    assert str(parse_tagged_name(text)) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "UPPER",
        "a//b",
        "../x:1",
        "a:b:c",
        "host.example/",
        "a b",
        "a:" + "t" * 129,
        "r.example/" + "a" * 250,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(OperatorError, match="this is no image name"):
        parse_tagged_name(text)


def test_a_digest_cannot_be_given() -> None:
    with pytest.raises(OperatorError, match="write a name with a tag"):
        parse_tagged_name("mysql@sha256:" + "0" * 64)
