"""One edit of each kind of field, for the restart table: made one after another to one pod of two containers.

A row of the table is named by its path; what an edit of it restarted on a real containerd stands in `OBSERVED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.images import BUSYBOX_IMAGE
from tests.support.manifests import OBEYING

if TYPE_CHECKING:
    from collections.abc import Callable

OBSERVED = Path(__file__).parents[1] / "golden" / "restart_observed.json"
"""Row to what an edit of it restarted; written by `pytest tests/real/test_restart_table.py --restart-table`."""
OTHER_IMAGE = "example.test/other:1"
"""The image's other name."""

Content = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """An edit of the field of one row of the table. `note` tells several edits of one row apart."""

    row: str
    change: Callable[[Content], object]
    note: str = ""

    @property
    def name(self) -> str:
        """Row and note."""
        return f"{self.row} ({self.note})" if self.note else self.row


def first_content(directory: Path) -> Content:
    """Return the pod before the first edit; `directory` is on the host."""
    for name in ("one", "two"):
        (directory / name).mkdir()
    resources = {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
    container = {"image": BUSYBOX_IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", OBEYING]}
    mounts = [{"name": "host", "mountPath": "/host"}, {"name": "empty", "mountPath": "/empty"}]
    spec = {
        "terminationGracePeriodSeconds": 5,
        "containers": [
            {"name": "main", **container, "resources": resources, "volumeMounts": mounts},
            {"name": "side", **container},
        ],
        "volumes": [
            {"name": "host", "hostPath": {"path": str(directory / "one")}},
            {"name": "empty", "emptyDir": {}},
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}


def _spec(**fields: Any) -> Callable[[Content], object]:
    return lambda pod: pod["spec"].update(fields)


def _main(**fields: Any) -> Callable[[Content], object]:
    return lambda pod: pod["spec"]["containers"][0].update(fields)


def _meta(**fields: Any) -> Callable[[Content], object]:
    return lambda pod: pod["metadata"].update(fields)


def _resources(kind: str, **amounts: str) -> Callable[[Content], object]:
    return lambda pod: pod["spec"]["containers"][0]["resources"][kind].update(amounts)


def _volume(index: int, **fields: Any) -> Callable[[Content], object]:
    return lambda pod: pod["spec"]["volumes"][index].update(fields)


def _side(pod: Content) -> None:
    side = pod["spec"]["containers"][1]
    pod["spec"]["containers"].append({**side, "name": "third"})


def _label_env(pod: Content) -> None:
    source = {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}
    pod["spec"]["containers"][0]["env"].append({"name": "TIER", "valueFrom": source})


PROBE = {"exec": {"command": ["true"]}, "periodSeconds": 1}


def edits(directory: Path) -> tuple[Edit, ...]:
    """Return the edits in their order; each leaves the pod as the next one finds it."""
    container, volume = "spec.containers[].", "spec.volumes[]."
    return (
        Edit("metadata.labels", _meta(labels={"tier": "front"})),
        Edit("metadata.annotations", _meta(annotations={"note": "x"})),
        Edit("spec.terminationGracePeriodSeconds", _spec(terminationGracePeriodSeconds=4)),
        Edit("spec.tolerations.**", _spec(tolerations=[{"operator": "Exists"}])),
        Edit("spec.nodeSelector", _spec(nodeSelector={"kubernetes.io/os": "linux"})),
        Edit("spec.enableServiceLinks", _spec(enableServiceLinks=False)),
        Edit("spec.priority", _spec(priority=7)),
        Edit("spec.restartPolicy", _spec(restartPolicy="OnFailure")),
        Edit(f"{container}imagePullPolicy", _main(imagePullPolicy="Never")),
        Edit(f"{container}lifecycle.preStop.**", _main(lifecycle={"preStop": {"exec": {"command": ["true"]}}})),
        Edit(
            f"{container}resizePolicy.**",
            _main(resizePolicy=[{"resourceName": "memory", "restartPolicy": "NotRequired"}]),
        ),
        Edit(f"{container}livenessProbe.**", _main(livenessProbe=PROBE)),
        Edit(f"{container}readinessProbe.**", _main(readinessProbe=PROBE)),
        Edit(f"{container}startupProbe.**", _main(startupProbe=PROBE)),
        Edit(f"{container}ports[].name", _main(ports=[{"containerPort": 80, "name": "http"}])),
        Edit(f"{container}ports[].containerPort", _main(ports=[{"containerPort": 81, "name": "http"}])),
        Edit(f"{volume}hostPath.type", _volume(0, hostPath={"path": str(directory / "one"), "type": "Directory"})),
        Edit(f"{volume}emptyDir.sizeLimit", _volume(1, emptyDir={"sizeLimit": "1Mi"})),
        Edit(f"{container}resources.**", _resources("limits", cpu="300m"), "cpu"),
        Edit(f"{container}resources.**", _resources("limits", memory="96Mi"), "more memory"),
        Edit(f"{container}resources.**", _resources("requests", memory="16Mi"), "requests"),
        Edit(f"{container}resources.**", _resources("limits", memory="80Mi"), "less memory"),
        Edit(f"{container}image", _main(image=OTHER_IMAGE)),
        Edit(f"{container}command", _main(command=["sh", "-ec", OBEYING])),
        Edit(f"{container}args", _main(args=["word"])),
        Edit(f"{container}env.**", _main(env=[{"name": "A", "value": "1"}])),
        Edit(f"{container}env.**", _label_env, "a fieldRef"),
        Edit("metadata.labels", _meta(labels={"tier": "back"}), "that an env reads"),
        Edit(f"{container}workingDir", _main(workingDir="/tmp")),
        Edit(f"{container}tty", _main(tty=True)),
        Edit(f"{container}stdin", _main(stdin=True)),
        Edit(f"{container}terminationMessagePath", _main(terminationMessagePath="/dev/said")),
        Edit(f"{container}terminationMessagePolicy", _main(terminationMessagePolicy="FallbackToLogsOnError")),
        Edit(f"{container}securityContext.**", _main(securityContext={"readOnlyRootFilesystem": True})),
        Edit(
            f"{container}lifecycle.postStart.**",
            _main(lifecycle={"postStart": {"exec": {"command": ["true"]}}, "preStop": {"sleep": {"seconds": 0}}}),
        ),
        Edit(f"{volume}emptyDir.medium", _volume(1, emptyDir={"medium": "Memory", "sizeLimit": "1Mi"})),
        Edit(f"{container}volumeMounts.**", _main(volumeMounts=[{"name": "host", "mountPath": "/host"}])),
        Edit(f"{volume}hostPath.path", _volume(0, hostPath={"path": str(directory / "two"), "type": "Directory"})),
        Edit("spec.hostAliases.**", _spec(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["other"]}])),
        Edit("spec.containers[]", _side, "added"),
        Edit("spec.containers[]", lambda pod: pod["spec"]["containers"].pop(), "removed"),
        Edit("spec.hostname", _spec(hostname="renamed")),
        Edit("spec.subdomain", _spec(subdomain="sub")),
        Edit("spec.securityContext.fsGroup", _spec(securityContext={"fsGroup": 1000})),
        Edit(
            f"{container}resources.**", lambda pod: pod["spec"]["containers"][0].pop("resources"), "another QoS class"
        ),
        Edit("spec.dnsPolicy", _spec(dnsPolicy="Default")),
        Edit("spec.dnsConfig.**", _spec(dnsConfig={"options": [{"name": "ndots", "value": "2"}]})),
        Edit("spec.shareProcessNamespace", _spec(shareProcessNamespace=True)),
        Edit(
            "spec.securityContext.sysctls.**",
            _spec(securityContext={"fsGroup": 1000, "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}),
        ),
        Edit(f"{container}ports[].hostPort", _main(ports=[{"containerPort": 81, "name": "http", "hostPort": 18089}])),
        Edit("spec.hostIPC", _spec(hostIPC=True)),
        Edit(
            "spec.hostNetwork",
            lambda pod: (
                _spec(hostNetwork=True)(pod),
                _main(ports=[])(pod),
                _spec(securityContext={"fsGroup": 1000})(pod),
            ),
        ),
    )
