from __future__ import annotations

import pytest

from tests.unit.manifest.writing import manifest, read, told

PROBE = "livenessProbe: {tcpSocket: {port: 1}, initialDelaySeconds: 15, periodSeconds: 5, failureThreshold: 8}\n"
MOUNT = "volumeMounts: [{name: v, mountPath: /v}]\n"
DATA = "volumes: [{name: v, hostPath: {path: /srv}}]\n"


def test_a_container_that_keeps_data_should_have_a_startup_probe() -> None:
    (message,) = read(manifest(container=PROBE + MOUNT, spec=DATA)).messages
    assert (message.line, message.field, message.severity) == (9, "spec.containers[0].livenessProbe", "warning")
    assert message.message == "a start that takes longer than 55 s is killed, and again; a startupProbe gives it time"


@pytest.mark.parametrize(
    ("container", "spec"),
    [
        (PROBE + MOUNT + "startupProbe: {tcpSocket: {port: 1}}\n", DATA),
        (PROBE.replace("15", "300") + MOUNT, DATA),
        (PROBE + MOUNT.replace("/v}", "/v, readOnly: true}"), DATA),
        (PROBE + MOUNT, "volumes: [{name: v, emptyDir: {}}]\n"),
        (PROBE + MOUNT, "volumes: [{name: v, hostPath: {path: /run/x.sock, type: Socket}}]\n"),
        (PROBE, DATA),
        (MOUNT, DATA),
    ],
)
def test_nothing_is_said_of_the_others(container: str, spec: str) -> None:
    assert told(read(manifest(container=container, spec=spec))) == []
