"""What a manifest says of the agent's own house by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from podstead.agent.self_protection import SelfProtection
from podstead.manifest.read import read_manifest
from podstead.state.sources import ManifestFile, SourceSnapshot
from podstead.volumes.protection import Protected

PROTECTED = (
    Protected(path=Path("/etc/kubernetes/manifests"), noun="the manifests"),
    Protected(path=Path("/var/lib/podstead"), noun="the agent's root directory"),
    Protected(path=Path("/usr/lib/podstead"), noun="the agent's program", readable=True),
)


def pod(path: str, mount: str = "") -> bytes:
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  volumes:
  - name: unused
    hostPath: {{path: /etc}}
  - name: h
    hostPath:
      path: {path}
  containers:
  - name: c
    image: web:1
    volumeMounts: [{{name: h, mountPath: /h{mount}}}]
""".encode()


async def refused(judge: SelfProtection, data: bytes) -> list[str]:
    reading = read_manifest(data, node_name="node1")
    assert reading.accepted, reading.messages
    file = ManifestFile(name="web.yaml", path="/m/web.yaml", data=data, digest=str(hash(data)))
    judged = (await judge.judge(SourceSnapshot(path="/m", certain=True, files=(file,)), {"web.yaml": reading}))[
        "web.yaml"
    ]
    assert judged.reason in {"", "SelfProtection"}
    return [message.placed for message in judged.messages if judged.reason]


@pytest.mark.attack("mounted-directory")
@pytest.mark.parametrize(
    ("path", "mount", "way"),
    [
        ("/etc/kubernetes/manifests", "", "is, or lies in, /etc/kubernetes/manifests"),
        ("/etc/kubernetes/manifests/", ", readOnly: true", "is, or lies in, /etc/kubernetes/manifests"),
        ("/etc/kubernetes//manifests/sub", "", "is, or lies in, /etc/kubernetes/manifests"),
        ("/etc", "", "holds /etc/kubernetes/manifests"),
        ("/", "", "holds /etc/kubernetes/manifests"),
        ("/etc", ", subPath: kubernetes/manifests", "is, or lies in, /etc/kubernetes/manifests"),
        ("/var/lib/podstead/state", ", readOnly: true", "is, or lies in, /var/lib/podstead"),
        ("/usr/lib", "", "holds /usr/lib/podstead"),
        ("/", ", readOnly: true", ""),
        ("/etc", ", readOnly: true", ""),
        ("/usr/lib/podstead", ", readOnly: true", ""),
        ("/", ", subPath: srv/data", ""),
        ("/", ', subPathExpr: "srv/$(HOSTNAME)", readOnly: true', ""),
        ("/etc/kubernetes/manifests-2", "", ""),
        ("/srv", "", ""),
    ],
)
async def test_a_path_speaks_for_itself(path: str, mount: str, way: str) -> None:
    found = await refused(SelfProtection(PROTECTED), pod(path, mount))
    assert [way in text for text in found] == ([True] if way else [])
    if way:
        place = "14:54: " if "subPath" in mount else "10:13: spec.volumes[1].hostPath.path: it "
        assert found[0].startswith(place)
        assert "which no pod may mount" in found[0]


async def test_unchanged_content_is_judged_once_and_changed_content_anew() -> None:
    judge = SelfProtection(PROTECTED)
    for _ in range(2):
        assert await refused(judge, pod("/srv")) == []
        (told,) = await refused(judge, pod("/var/lib/podstead"))
        assert told.startswith(
            "10:13: spec.volumes[1].hostPath.path: it is, or lies in, /var/lib/podstead (the agent's root"
        )
