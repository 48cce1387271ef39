"""What an edit disturbs, case by case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podstead.manifest.compare import Changes, compare
from podstead.manifest.restart_table import Effect

from .pods import MYSQL, PAIR, REMOVE, defaulted, edited

WEB = "spec.containers.0"
LOG = "spec.containers.1"


def changes(content: dict[str, Any], *edits: tuple[str, object]) -> Changes:
    return compare(defaulted(content), defaulted(edited(content, *edits)))


NOTHING: list[tuple[str, object]] = [
    ("metadata.labels.new", "x"),
    ("metadata.annotations.note", "x"),
    ("metadata.annotations", {"container.apparmor.security.beta.kubernetes.io/nobody": "runtime/default"}),
    ("spec.terminationGracePeriodSeconds", 5),
    ("spec.restartPolicy", "OnFailure"),
    ("spec.priority", 1000),
    ("spec.priorityClassName", "system-cluster-critical"),
    ("spec.tolerations", [{"operator": "Exists"}]),
    ("spec.nodeSelector.disk", "ssd"),
    ("spec.affinity", {"nodeAffinity": {}}),
    ("spec.enableServiceLinks", False),
    ("spec.activeDeadlineSeconds", 60),
    (f"{WEB}.imagePullPolicy", "Always"),
    (f"{WEB}.lifecycle", {"preStop": {"sleep": {"seconds": 1}}}),
    (f"{WEB}.stdin", False),
    (f"{WEB}.securityContext", {}),
    ("spec.volumes.1.hostPath.type", "Directory"),
    ("spec.volumes.2.hostPath.path", "/srv/other"),
    ("spec.volumes.2", REMOVE),
    ("status.phase", "Running"),
]


@pytest.mark.parametrize("edit", NOTHING, ids=lambda edit: edit[0])
def test_an_edit_that_disturbs_nothing(edit: tuple[str, object]) -> None:
    found = changes(PAIR, edit)
    assert found.nothing, found.fields
    assert not found.disturbs
    assert {field.effect for field in found.fields} <= {Effect.NOTHING}


CONTAINER: list[tuple[str, object, set[str]]] = [
    (f"{WEB}.image", "nginx:1.28", {"web"}),
    (f"{WEB}.command", ["nginx"], {"web"}),
    (f"{LOG}.args", ["-v"], {"log"}),
    (f"{LOG}.env", [{"name": "A", "value": ""}], {"log"}),
    (f"{LOG}.workingDir", "/tmp", {"log"}),
    (f"{LOG}.tty", True, {"log"}),
    (f"{LOG}.terminationMessagePolicy", "FallbackToLogsOnError", {"log"}),
    (f"{WEB}.lifecycle", {"postStart": {"exec": {"command": ["true"]}}}, {"web"}),
    (f"{WEB}.securityContext.readOnlyRootFilesystem", True, {"web"}),
    (f"{WEB}.securityContext.allowPrivilegeEscalation", False, {"web"}),
    (f"{WEB}.securityContext.runAsUser", 0, {"web"}),
    (f"{WEB}.volumeMounts.0.readOnly", True, {"web"}),
    (f"{WEB}.volumeMounts.1", REMOVE, {"web"}),
    (f"{LOG}.resources.requests.cpu", "101m", {"web"}),
    ("metadata.labels.tier", "back", {"web"}),
    ("metadata.labels.tier", REMOVE, {"web"}),
    ("spec.volumes.1.hostPath.path", "/srv/other", {"web"}),
    ("spec.hostAliases", [{"ip": "10.0.0.1", "hostnames": ["db"]}], {"web", "log"}),
    ("spec.priorityClassName", "system-node-critical", {"web", "log"}),
]


@pytest.mark.parametrize("edit", CONTAINER, ids=lambda edit: edit[0])
def test_an_edit_that_restarts_containers(edit: tuple[str, object, set[str]]) -> None:
    path, value, names = edit
    found = changes(PAIR, (path, value))
    assert not found.pod, found.fields
    assert found.containers == names
    assert found.disturbs
    assert not found.added | found.removed


LIMITED = edited(
    PAIR,
    (f"{LOG}.resources", {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}),
    (f"{WEB}.env", []),
)


@pytest.mark.parametrize(
    "edit",
    [
        ("requests.cpu", "200m"),
        ("requests.cpu", "50m"),
        ("requests.memory", "32Mi"),
        ("limits.cpu", "2"),
        ("limits.cpu", "500m"),
        ("limits.memory", "256Mi"),
    ],
    ids=str,
)
def test_an_edit_that_is_made_in_place(edit: tuple[str, str]) -> None:
    found = changes(LIMITED, (f"{LOG}.resources.{edit[0]}", edit[1]))
    assert (found.resize, found.containers, found.pod) == (frozenset({"log"}), frozenset(), False)
    assert (found.disturbs, found.nothing, found.summary) == (False, False, "nothing")
    assert [change.effect for change in found.fields] == [Effect.RESIZE]


@pytest.mark.parametrize(
    "edits",
    [
        (("limits.memory", "96Mi"),),
        (("limits.cpu", REMOVE),),
        (("limits.memory", REMOVE),),
        (("limits.cpu", "2"), ("limits.memory", "96Mi")),
        (("limits.hugepages-2Mi", "4Mi"), ("requests.hugepages-2Mi", "4Mi")),
    ],
    ids=["memory", "no cpu", "no memory", "cpu and memory", "huge pages"],
)
def test_resources_that_cannot_be_changed_in_place(edits: tuple[tuple[str, object], ...]) -> None:
    found = changes(LIMITED, *((f"{LOG}.resources.{path}", value) for path, value in edits))
    assert (found.resize, found.containers, found.pod) == (frozenset(), frozenset({"log"}), False)


def test_what_a_resize_policy_or_an_env_asks_for() -> None:
    policy = edited(LIMITED, (f"{LOG}.resizePolicy", [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]))
    assert changes(policy, (f"{LOG}.resources.limits.cpu", "2")).containers == {"log"}
    assert changes(policy, (f"{LOG}.resources.limits.memory", "256Mi")).resize == {"log"}
    own = {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}
    found = changes(edited(LIMITED, (f"{LOG}.env", [own])), (f"{LOG}.resources.limits.cpu", "2"))
    assert (found.resize, found.containers) == (frozenset(), frozenset({"log"}))


def test_resources_that_nothing_enforces() -> None:
    assert changes(LIMITED, (f"{LOG}.resources.limits", {"cpu": "1", "memory": "128Mi", "example.com/x": "1"})).nothing


def test_a_beta_apparmor_annotation_restarts_its_container() -> None:
    annotation = {"container.apparmor.security.beta.kubernetes.io/log": "runtime/default"}
    found = changes(PAIR, ("metadata.annotations", annotation))
    assert (found.pod, found.containers) == (False, frozenset({"log"}))


POD: list[tuple[str, object]] = [
    ("spec.hostNetwork", True),
    ("spec.hostname", "other"),
    ("spec.dnsPolicy", "Default"),
    ("spec.dnsConfig", {"nameservers": ["10.0.0.53"]}),
    ("spec.shareProcessNamespace", True),
    ("spec.securityContext.runAsUser", 0),
    ("spec.securityContext.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    ("spec.hostUsers", False),
    ("spec.resources", {"limits": {"cpu": "1"}}),
    ("spec.initContainers", [{"name": "init", "image": "busybox"}]),
    ("spec.initContainers", [{"name": "side", "image": "busybox", "restartPolicy": "Always"}]),
    (f"{WEB}.ports.0.hostPort", 8081),
    (f"{WEB}.ports.0.containerPort", 8000),
    (f"{WEB}.ports.0", REMOVE),
    (f"{WEB}.ports.1.hostPort", 8081),
    (f"{WEB}", REMOVE),
    ("spec.volumes.0.emptyDir.medium", "Memory"),
    (f"{LOG}.resources", REMOVE),
    ("metadata.name", "other-node1"),
    ("spec.serviceAccountName", "x"),
]


@pytest.mark.parametrize("edit", POD, ids=lambda edit: edit[0])
def test_an_edit_that_restarts_the_pod(edit: tuple[str, object]) -> None:
    found = changes(PAIR, edit)
    assert found.pod, found.fields
    assert found.disturbs


@pytest.mark.parametrize(
    "edit",
    [
        (f"{WEB}.livenessProbe", {"tcpSocket": {"port": 80}}),
        (f"{WEB}.readinessProbe", {"httpGet": {"port": "http"}}),
        (f"{WEB}.ports.1.name", "admin"),
        (f"{WEB}.ports.1", REMOVE),
    ],
    ids=lambda edit: edit[0],
)
def test_an_edit_for_the_prober_alone(edit: tuple[str, object]) -> None:
    found = changes(PAIR, edit)
    assert (found.prober, found.disturbs, found.nothing) == (True, False, False)


def test_host_ports_mean_nothing_on_the_host_network() -> None:
    on_host = edited(PAIR, ("spec.hostNetwork", True), (f"{WEB}.ports.0.hostPort", 80))
    assert changes(on_host, (f"{WEB}.ports.1.containerPort", 82)).disturbs is False
    assert changes(on_host, (f"{WEB}", REMOVE)).pod is False


def test_a_container_comes_and_goes_alone() -> None:
    added = changes(PAIR, ("spec.containers.2", {"name": "extra", "image": "busybox:1"}))
    assert (added.pod, added.containers, added.added, added.disturbs) == (
        False,
        frozenset({"extra"}),
        frozenset({"extra"}),
        False,
    )
    assert [field.path for field in added.fields] == ["spec.containers[extra]"]
    removed = changes(PAIR, (LOG, REMOVE), (f"{WEB}.resources.requests.cpu", "1"))
    assert (removed.pod, removed.containers, removed.removed, removed.disturbs) == (
        False,
        frozenset({"web"}),
        frozenset({"log"}),
        True,
    )


def test_a_new_container_with_a_host_port_needs_a_new_sandbox() -> None:
    port = [{"containerPort": 53, "hostPort": 53, "protocol": "UDP"}]
    assert changes(PAIR, ("spec.containers.2", {"name": "dns", "image": "dns:1", "ports": port})).pod


def test_a_volume_of_a_single_container_restarts_that_container() -> None:
    found = changes(MYSQL, ("spec.volumes.0.hostPath.path", "/opt/other"))
    assert (found.pod, found.containers) == (False, frozenset({"mysql"}))
    assert [field.path for field in found.fields] == ["spec.volumes[data].hostPath.path"]


def test_a_volume_that_an_init_container_fills_restarts_the_pod() -> None:
    init = [{"name": "init", "image": "busybox", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]
    with_init = edited(MYSQL, ("spec.initContainers", init))
    assert changes(with_init, ("spec.volumes.0.hostPath.path", "/opt/other")).pod
    assert not changes(with_init, ("spec.volumes.1.hostPath.path", "/opt/other")).pod


INIT = "spec.initContainers"
SIDE = {"name": "side", "image": "busybox:1", "restartPolicy": "Always"}
WITH_INIT = edited(PAIR, (INIT, [{"name": "init", "image": "busybox:1"}, SIDE]))


@pytest.mark.parametrize(
    ("edit", "pod", "containers", "prober"),
    [
        ((f"{INIT}.0.image", "busybox:2"), True, set(), False),
        ((f"{INIT}.1.image", "busybox:2"), False, {"side"}, False),
        ((f"{INIT}.1.command", ["x"]), False, {"side"}, False),
        ((f"{INIT}.1.resources", {"requests": {"ephemeral-storage": "1Gi"}}), False, set(), False),
        ((f"{INIT}.1.livenessProbe", {"tcpSocket": {"port": 80}}), False, set(), True),
        ((f"{INIT}.1.restartPolicy", REMOVE), True, set(), False),
        ((f"{INIT}.0.restartPolicy", "Always"), True, set(), False),
        ((f"{INIT}.1.restartPolicyRules", []), False, set(), False),
        ((f"{INIT}.1", REMOVE), True, set(), False),
        (("spec.activeDeadlineSeconds", 60), False, set(), False),
        (("spec.hostAliases", [{"ip": "10.0.0.1", "hostnames": ["x"]}]), False, {"side", "web", "log"}, False),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_an_edit_of_a_pod_with_an_init_container_and_a_sidecar(
    edit: tuple[str, object], pod: bool, containers: set[str], prober: bool
) -> None:
    """A sidecar's own change is that of any container; what initialises the pod is done again with all of it."""
    found = changes(WITH_INIT, edit)
    assert (found.pod, found.prober) == (pod, prober), found.fields
    assert pod or found.containers == containers


def test_a_sidecars_resources_change_in_place_as_any_containers() -> None:
    limited = edited(WITH_INIT, (f"{INIT}.1.resources", {"limits": {"memory": "10Mi"}}))
    found = changes(limited, (f"{INIT}.1.resources.limits.memory", "20Mi"))
    assert (found.pod, found.containers, found.resize) == (False, frozenset(), frozenset({"side"}))


def test_a_sidecar_that_reads_a_changed_label_restarts_alone() -> None:
    source = {"fieldRef": {"fieldPath": "metadata.labels['role']"}}
    content = edited(WITH_INIT, (f"{INIT}.1.env", [{"name": "ROLE", "valueFrom": source}]))
    found = changes(content, ("metadata.labels.role", "new"))
    assert (found.pod, found.containers) == (False, frozenset({"side"}))


def test_a_volume_that_only_env_reads_belongs_to_its_container() -> None:
    source = {"fileKeyRef": {"volumeName": "spare", "path": "env", "key": "A"}}
    content = edited(
        PAIR,
        ("spec.volumes.2", {"name": "spare", "emptyDir": {}}),
        (f"{LOG}.env", [{"name": "A", "valueFrom": source}]),
    )
    found = changes(content, ("spec.volumes.2", {"name": "spare", "hostPath": {"path": "/spare"}}))
    assert (found.pod, found.containers) == (False, frozenset({"log"}))


def test_another_medium_is_fresh_volumes_for_the_whole_pod() -> None:
    content = edited(PAIR, ("spec.volumes.2", {"name": "spare", "emptyDir": {}}))
    unused = changes(content, ("spec.volumes.2.emptyDir.medium", "Memory"))
    assert (unused.pod, unused.containers) == (False, frozenset())
    used = edited(content, (f"{LOG}.volumeMounts", [{"name": "spare", "mountPath": "/spare"}]))
    assert changes(used, ("spec.volumes.2.emptyDir.medium", "Memory")).pod
    assert changes(used, ("spec.volumes.2.emptyDir.mode", 0o700)).pod
    in_memory = edited(used, ("spec.volumes.2.emptyDir.medium", "Memory"))
    another = changes(in_memory, ("spec.volumes.2", {"name": "spare", "hostPath": {"path": "/spare"}}))
    assert (another.pod, another.containers) == (False, frozenset({"log"}))


def test_a_limit_of_a_volume_and_what_its_files_show_restart_nothing() -> None:
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    content = edited(
        MYSQL,
        ("spec.volumes.0", {"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}),
        ("spec.volumes.1", {"name": "conf", "downwardAPI": {"items": [item]}}),
    )
    found = changes(content, ("spec.volumes.0.emptyDir.sizeLimit", "2Gi"), ("metadata.labels.new", "label"))
    assert found.nothing
    assert [field.path for field in found.fields] == ["metadata.labels[new]", "spec.volumes[data].emptyDir.sizeLimit"]
    other = changes(content, ("spec.volumes.1.downwardAPI.items.0.path", "other"))
    assert (other.pod, other.containers) == (False, frozenset({"mysql"}))


def test_a_label_that_an_init_container_reads_initialises_the_pod_anew() -> None:
    entry = {"name": "RUN", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['run']"}}}
    content = edited(MYSQL, ("spec.initContainers", [{"name": "init", "image": "busybox:1", "env": [entry]}]))
    found = changes(content, ("metadata.labels.run", "other"))
    assert found.pod
    assert [(f.path, f.effect) for f in found.fields] == [
        ("metadata.labels[run]", Effect.NOTHING),
        ("spec.initContainers[init].env[RUN].valueFrom.fieldRef", Effect.POD),
    ]


def test_a_field_that_an_edit_cannot_change_is_no_stale_env() -> None:
    entries = [
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"containerName": "nobody", "resource": "limits.cpu"}}},
    ]
    assert changes(edited(PAIR, (f"{LOG}.env", entries)), ("metadata.labels.new", "x")).nothing


def test_a_pod_whose_containers_have_hosts_files_of_their_own_ignores_host_aliases() -> None:
    mount = [{"name": "conf", "mountPath": "/etc/hosts", "subPath": "hosts"}]
    content = edited(MYSQL, (f"{WEB}.volumeMounts", mount))
    assert changes(content, ("spec.hostAliases", [{"ip": "10.0.0.1", "hostnames": ["db"]}])).nothing


def test_order_counts_only_where_it_means_something() -> None:
    swapped = edited(PAIR, ("spec.containers", PAIR["spec"]["containers"][::-1]))
    assert changes(PAIR, ("spec.containers", swapped["spec"]["containers"])).fields == ()
    plain = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert changes(edited(MYSQL, (f"{WEB}.env", plain)), (f"{WEB}.env", plain[::-1])).nothing
    chained = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]
    assert changes(edited(MYSQL, (f"{WEB}.env", chained)), (f"{WEB}.env", chained[::-1])).containers == {"mysql"}
    repeated = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    assert changes(edited(MYSQL, (f"{WEB}.env", repeated)), (f"{WEB}.env", repeated[::-1])).containers == {"mysql"}
    inits = [{"name": "one", "image": "a:1"}, {"name": "two", "image": "b:1"}]
    assert changes(edited(MYSQL, ("spec.initContainers", inits)), ("spec.initContainers", inits[::-1])).pod


def test_quantities_are_compared_by_amount() -> None:
    assert changes(MYSQL, (f"{WEB}.resources.requests.cpu", "0.2")).fields == ()
    assert changes(PAIR, (f"{LOG}.resources.requests.memory", "65536Ki")).fields == ()
    sized = edited(MYSQL, ("spec.volumes.0", {"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}))
    assert changes(sized, ("spec.volumes.0.emptyDir.sizeLimit", "1024Mi")).fields == ()
    assert changes(sized, ("spec.volumes.0.emptyDir.sizeLimit", "nonsense")).fields
    assert changes(MYSQL, (f"{WEB}.resources.requests.cpu", "0.25")).resize == {"mysql"}


def test_a_zero_is_an_absent_field_except_where_it_tells() -> None:
    assert changes(MYSQL, (f"{WEB}.volumeMounts.0.readOnly", REMOVE)).fields == ()
    assert changes(MYSQL, (f"{WEB}.tty", False), (f"{WEB}.args", []), ("spec.nodeSelector", {})).fields == ()
    assert changes(MYSQL, (f"{WEB}.securityContext", {"runAsNonRoot": False})).containers == {"mysql"}


def test_values_never_leave_the_comparison() -> None:
    found = changes(MYSQL, (f"{WEB}.env.0.value", "canary-secret"), (f"{WEB}.args", ["canary-argument"]))
    assert found.containers == {"mysql"}
    assert "canary" not in repr(found)
    assert "123456" not in repr(found)


EDITS = [*NOTHING, *[(path, value) for path, value, _ in CONTAINER], *POD]


@given(st.lists(st.sampled_from(EDITS), max_size=2, unique_by=lambda edit: edit[0].split(".")[1]))
def test_there_and_back_disturb_the_same(edits: list[tuple[str, object]]) -> None:
    here, there = defaulted(PAIR), defaulted(edited(PAIR, *edits))
    forth, back = compare(here, there), compare(there, here)
    assert compare(there, there).nothing
    assert compare(there, there).fields == ()
    assert {(f.path, f.effect) for f in forth.fields} == {(f.path, f.effect) for f in back.fields}
    assert (forth.pod, forth.prober, forth.added, forth.removed) == (back.pod, back.prober, back.removed, back.added)
    assert forth.containers - forth.added == back.containers - back.added
