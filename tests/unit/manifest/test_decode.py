from __future__ import annotations

import pytest

from podstead.manifest.reading import Severity
from tests.unit.manifest.writing import manifest, read, told

CANARY = "hunter2"


def one(container: str = "", spec: str = "", metadata: str = "") -> str:
    """Return the only message of a manifest, without its place."""
    (line,) = told(read(manifest(container=container, spec=spec, metadata=metadata)))
    return line.partition(" ")[2]


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (
            "stdin: 'true'\n",
            "stdin error: Invalid value: true or false is due here, not a string, 'true': write true without quotes",
        ),
        ("stdin: 1\n", "stdin error: Invalid value: true or false is due here, not an integer, '1'"),
        (
            "ports: [{containerPort: '80'}]\n",
            "ports[0].containerPort error: Invalid value: an integer is due here, not a string, '80': write 80 without quotes",
        ),
        (
            "ports: [{containerPort: 80.5}]\n",
            "ports[0].containerPort error: Invalid value: an integer is due here, not a number with a fraction or exponent, '80.5'",
        ),
        (
            "ports: [{containerPort: 9223372036854775808}]\n",
            "ports[0].containerPort error: Invalid value: the number has more than 64 bits, an integer is due here",
        ),
        (
            "ports: {containerPort: 80}\n",
            "ports error: Invalid value: a list is due here, not a map: begin each item with '- '",
        ),
        ("ports: [80]\n", "ports[0] error: Invalid value: a map of fields is due here, not an integer, '80'"),
        (
            "resources: [{}]\n",
            "resources error: Invalid value: a map of fields is due here, not a list: write its fields without '- '",
        ),
        (
            "resources: {limits: [1]}\n",
            "resources.limits error: Invalid value: a map is due here, not a list: write its fields without '- '",
        ),
        (
            "resources: {limits: {cpu: yes}}\n",
            "resources.limits[cpu] error: Invalid value: a quantity is due here, not a boolean, 'yes'",
        ),
        (
            "resources: {limits: {memory: 1GB}}\n",
            (
                "resources.limits[memory] error: Invalid value: '1GB' must be a number with an optional suffix (500m, 0.5, 128Mi, 2G): "
                "1Gi counts in 1024s, 1G in 1000s"
            ),
        ),
        ("workingDir: [a]\n", "workingDir error: Invalid value: a string is due here, not a list"),
        ('workingDir: "/a\\0"\n', "workingDir error: Invalid value: the text holds a NUL character"),
        (
            "workingDir: 2\n",
            "workingDir warning: Not a string: an integer stands here, its text is taken as it is; the kubelet refuses the file: write '2'",
        ),
        ("imag: x\n", "imag warning: Unknown field: imag is not read: did you mean image?"),
        ("tty: yes\ntty: no\n", "tty warning: Duplicate key: tty stands already in line 9; the last one counts"),
    ],
)
def test_what_is_said_of_a_containers_field(container: str, said: str) -> None:
    assert one(container) == f"spec.containers[0].{said}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("123456", "123456"),
        ("0777", "0777"),
        ("yes", "yes"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("2001-12-14", "2001-12-14"),
        ("1:30", "1:30"),
        ("'1'", "1"),
    ],
)
def test_the_text_that_stands_in_the_file_is_taken(text: str, value: str) -> None:
    (found,) = read(manifest(container=f"env: [{{name: A, value: {text}}}]\n")).pods
    assert found.pod.spec.containers[0].env[0].value == value


def test_values_as_yaml_1_1_has_them() -> None:
    text = manifest(
        container="tty: on\nstdin: y\nresources: {limits: {cpu: 1, memory: 1_000}}\n",
        spec="terminationGracePeriodSeconds: 0o17\nsecurityContext: {fsGroup: 0777}\n",
    )
    (found,) = read(text).pods
    container = found.pod.spec.containers[0]
    assert (container.tty, container.stdin) == (True, True)
    assert container.resources is not None
    assert container.resources.limits == {"cpu": "1", "memory": "1000"}
    assert found.pod.spec.termination_grace_period_seconds == 15
    assert found.pod.spec.security_context is not None
    assert found.pod.spec.security_context.fs_group == 511


def test_null_is_absence() -> None:
    reading = read(
        manifest(container="env:\ncommand: ~\nresources: null\n", spec="volumes:\n", metadata="labels: {a: }\n")
    )
    (found,) = reading.pods
    assert told(reading) == []
    container = found.pod.spec.containers[0]
    assert (container.env, container.command, container.resources) == ((), (), None)
    assert found.pod.metadata.labels == {"a": ""}


def test_an_empty_item_is_named() -> None:
    assert (
        one("command: [sh, ~]\n")
        == "spec.containers[0].command[1] error: Invalid value: the list item is empty: fill or remove it"
    )


def test_of_equal_keys_the_last_counts_and_only_it_is_judged() -> None:
    reading = read(manifest(spec="dnsPolicy: [wrong]\ndnsPolicy: Default\n"))
    assert [m.message.partition(":")[0] for m in reading.messages] == ["Duplicate key"]
    assert reading.pods[0].pod.spec.dns_policy == "Default"


def test_a_merge_is_no_duplicate() -> None:
    text = manifest(spec="hostAliases:\n- &a {ip: 10.0.0.1, hostnames: [a]}\n- {<<: *a, hostnames: [b]}\n")
    reading = read(text)
    assert told(reading) == []
    assert [(a.ip, a.hostnames) for a in reading.pods[0].pod.spec.host_aliases] == [
        ("10.0.0.1", ("a",)),
        ("10.0.0.1", ("b",)),
    ]


def test_odd_keys_of_a_map() -> None:
    reading = read(manifest(metadata="annotations:\n  on: a\n  1: b\n"))
    assert reading.pods[0].pod.metadata.annotations == {"on": "a", "1": "b", "kubernetes.io/config.source": "file"}
    assert told(reading) == [
        "6:5 metadata.annotations[on] warning: Not a string as key: a boolean stands here, its text is taken: put it in quotes"
    ]


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("hostnetwork: true\n", "write hostNetwork, names are case-sensitive"),
        ("hostNetwrk: true\n", "did you mean hostNetwork?"),
        ("ports: []\n", "ports is not read here: it belongs to spec.containers[].ports"),
        ("image: x\n", "image is not read here: it belongs to spec.containers[].image"),
        ("labels: {}\n", "labels is not read here: it belongs to metadata.labels"),
        ("containerPort: 1\n", "containerPort is not read here: it belongs to spec.containers[].ports[].containerPort"),
        ("replicas: 2\n", "a field of a Deployment; a static pod runs once on its node"),
        ("environment: {}\n", "docker compose's word; write env"),
        ("xyzzy: 1\n", "xyzzy is not read"),
        ('"a\\e[31m": 1\n', "'a\\x1b[31m' is not read"),
    ],
)
def test_unknown_fields(spec: str, hint: str) -> None:
    reading = read(manifest(spec=spec))
    (message,) = reading.messages
    assert reading.accepted
    assert message.severity is Severity.WARNING
    assert message.line == 9
    assert message.message.endswith(hint) or hint in message.message


@pytest.mark.parametrize(
    "container",
    [
        f"env: {CANARY}\n",
        f"env: [A={CANARY}]\n",
        f"env: {{A={CANARY}: 1}}\n",
        f"env: [{{A={CANARY}: x}}]\n",
        f"env: [{{name: A, value: {{x: {CANARY}}}}}]\n",
        f"env: [{{name: A, value: [{CANARY}]}}]\n",
        f'env: [{{name: A, value: "{CANARY}\\0"}}]\n',
        f"env: [{{name: A, value: x, value: {CANARY}}}]\n",
        f"env: [{{name: A, value: x, valueFrom: {CANARY}}}]\n",
        f"command: sh -c {CANARY}\n",
        f"command: ['echo {CANARY}': x]\n",
        f"args: {{{CANARY}: x}}\n",
        f"livenessProbe: {{exec: {{command: {CANARY}}}}}\n",
        f"livenessProbe: {{httpGet: {{port: 80, httpHeaders: [{{name: A, value: [{CANARY}]}}]}}}}\n",
        f"env: [{{name: A, value: '{CANARY}}}]\n",
        f"env: [{{name: A, value: @{CANARY}}}]\n",
        f"env:\n- name: A\n  value: a: {CANARY}\n",
    ],
)
def test_no_message_holds_a_value_of_env_command_or_args(container: str) -> None:
    reading = read(manifest(container=container), strict=True)
    assert reading.reason != ""
    assert CANARY not in repr(reading.messages)


@pytest.mark.parametrize("value", ["123456", "yes", "0777", "1e9"])
def test_a_taken_text_of_env_is_not_shown(value: str) -> None:
    line = one(f"env: [{{name: A, value: {value}}}]\n")
    assert line.endswith("the kubelet refuses the file: put it in quotes")
    assert value not in line


def test_shown_texts_are_cut_and_escaped() -> None:
    line = one(f'ports: [{{containerPort: "\\e[31m\\u202e{"x" * 200}"}}]\n')
    assert "'\\x1b[31m\\u202e" in line
    assert "x" * 60 not in line
