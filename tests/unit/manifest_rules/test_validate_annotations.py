"""Rules of the annotations by which a pod's author asks this agent for something."""

from __future__ import annotations

import pytest

from podstead.k8s.annotations import CONFIG_FILES, PREFIX, PROGRESS_DEADLINE, RESTART_ON_CHANGE, START_AFTER
from podstead.manifest.reading import Severity
from podstead.manifest.validate.pod import validate_pod
from tests.support.canary import CANARY

from .pods import MYSQL, defaulted, edited

MANY = ",".join(f"/etc/{number}" for number in range(17))


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (CONFIG_FILES, "/opt/mysql/conf/mysqld.cnf", None),
        (CONFIG_FILES, " /a/b , /c ", None),
        (CONFIG_FILES, MANY.rpartition(",")[0], None),
        (CONFIG_FILES, "", "expected paths on the node, separated by commas; or remove the annotation"),
        (CONFIG_FILES, " , ", "expected paths on the node, separated by commas; or remove the annotation"),
        (CONFIG_FILES, MANY, "got 17 paths, at most 16 are watched for a pod"),
        (CONFIG_FILES, f"/a,{CANARY}", "path 2 must be absolute: begin it with '/'"),
        (CONFIG_FILES, f"/a/../{CANARY}", "path 1 must not contain '..'"),
        (CONFIG_FILES, f"/{CANARY}\x1b", "path 1 holds a character that cannot be printed: rename the file"),
        (CONFIG_FILES, f"/{CANARY}/", "path 1 must be that of a file, not of a directory"),
        (RESTART_ON_CHANGE, "true", None),
        (RESTART_ON_CHANGE, "false", None),
        (RESTART_ON_CHANGE, f"yes {CANARY}", 'expected "true" or "false"'),
        (PROGRESS_DEADLINE, "600", None),
        (PROGRESS_DEADLINE, f"soon {CANARY}", "must be a whole number of seconds from 1 to 604800, as text: '600'"),
        (START_AFTER, "db, kube-system/etcd", None),
        (START_AFTER, f"/{CANARY}/", "must be names of pods, NAMESPACE/NAME or NAME, separated by commas"),
    ],
)
def test_a_rule_of_an_annotation(key: str, value: str, sentence: str | None) -> None:
    problems = validate_pod(defaulted(edited(MYSQL, ("metadata.annotations", {key: value}))))
    found = [(p.field, p.message) for p in problems]
    assert found == ([] if sentence is None else [(f"metadata.annotations[{key}]", sentence)])


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        (f"{PREFIX}restart-on-chnage", f"; did you mean {RESTART_ON_CHANGE}?"),
        (f"{PREFIX}config-file", f"; did you mean {CONFIG_FILES}?"),
        (f"{PREFIX}x", f": write one of {START_AFTER}, {PROGRESS_DEADLINE}, {CONFIG_FILES}, {RESTART_ON_CHANGE}"),
    ],
)
def test_a_misspelt_annotation_is_remarked_on_and_refuses_nothing(key: str, hint: str) -> None:
    [remark] = validate_pod(defaulted(edited(MYSQL, ("metadata.annotations", {key: CANARY}))))
    assert (remark.field, remark.severity) == (f"metadata.annotations[{key}]", Severity.WARNING)
    assert remark.message == f"no annotation of this name is read{hint}"


def test_annotations_of_others_are_nobody_s_business() -> None:
    theirs = {"example.com/restart-on-change": "x", "podstead.io.example.com/a": "y"}
    assert not validate_pod(defaulted(edited(MYSQL, ("metadata.annotations", theirs))))
