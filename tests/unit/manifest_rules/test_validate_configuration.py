"""Rules of the annotations that tell of a pod's configuration."""

from __future__ import annotations

import pytest

from podstead.k8s.labels import CONFIG_FILES, RESTART_ON_CHANGE
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
    ],
)
def test_a_rule_of_configuration(key: str, value: str, sentence: str | None) -> None:
    problems = validate_pod(defaulted(edited(MYSQL, ("metadata.annotations", {key: value}))))
    found = [(p.field, p.message) for p in problems]
    assert found == ([] if sentence is None else [(f"metadata.annotations[{key}]", sentence)])
