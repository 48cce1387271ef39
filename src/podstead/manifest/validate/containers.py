"""Rules for the containers of a pod, init containers and sidecars included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.k8s import core_v1 as v1
from podstead.k8s import names
from podstead.k8s.containers import is_sidecar
from podstead.manifest.validate.environment import validate_env
from podstead.manifest.validate.findings import quoted
from podstead.manifest.validate.mounts import validate_mounts
from podstead.manifest.validate.ports import HostPort, validate_host_ports, validate_ports
from podstead.manifest.validate.probes import refuse_on_init, validate_lifecycle, validate_probes
from podstead.manifest.validate.resources import validate_container_resources, validate_resize_policy
from podstead.manifest.validate.security import validate_container_security

if TYPE_CHECKING:
    from podstead.manifest.validate.findings import Findings

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
TERMINATION_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
RULE_ACTIONS = ("Restart", "RestartAllContainers")
RULE_OPERATORS = ("In", "NotIn")
MAX_RULES = 20
MAX_EXIT_CODES = 255


def validate_containers(pod: v1.Pod, found: Findings) -> None:
    """Judge every container of the pod, each by itself and all together."""
    if not pod.spec.containers:
        found.required("spec.containers", "a pod needs at least one container")
    if pod.spec.ephemeral_containers:
        found.forbidden("spec.ephemeralContainers", "they are added to a running pod, never by a manifest; remove it")
    volumes = {volume.name: volume for volume in pod.spec.volumes}
    seen: set[str] = set()
    taken: set[HostPort] = set()
    for index, container in enumerate(pod.spec.init_containers):
        path = f"spec.initContainers[{index}]"
        _validate_container(container, path, pod, volumes, found)
        _validate_unique(container, path, seen, found)
        validate_host_ports(container, path, set(), found)
        if is_sidecar(container):
            validate_probes(container, path, found)
            validate_lifecycle(container, path, pod, found)
        else:
            refuse_on_init(container, path, found)
    for index, container in enumerate(pod.spec.containers):
        path = f"spec.containers[{index}]"
        _validate_container(container, path, pod, volumes, found)
        _validate_unique(container, path, seen, found)
        validate_host_ports(container, path, taken, found)
        validate_probes(container, path, found)
        validate_lifecycle(container, path, pod, found)


def _validate_unique(container: v1.Container, path: str, seen: set[str], found: Findings) -> None:
    if container.name in seen:
        found.duplicate(f"{path}.name", f"{quoted(container.name)} names another container of this pod already")
    if container.name:
        seen.add(container.name)


def _validate_container(
    container: v1.Container, path: str, pod: v1.Pod, volumes: dict[str, v1.Volume], found: Findings
) -> None:
    """Judge what holds for every kind of container."""
    if not container.name:
        found.required(f"{path}.name", "a container needs a name")
    else:
        found.named(f"{path}.name", container.name, names.dns1123_label(container.name))
    image = container.image or ""
    if not image:
        found.required(f"{path}.image", "expected an image such as nginx:1.27")
    elif image != image.strip():
        found.invalid(f"{path}.image", f"got {quoted(image)}, remove the blanks at its ends")
    found.one_of(f"{path}.imagePullPolicy", container.image_pull_policy, PULL_POLICIES)
    found.one_of(f"{path}.terminationMessagePolicy", container.termination_message_policy, TERMINATION_MESSAGE_POLICIES)
    validate_ports(container, path, found, host_network=bool(pod.spec.host_network))
    validate_env(container, path, pod, volumes, found)
    validate_mounts(container, path, volumes, found)
    validate_container_resources(container, path, pod, found)
    validate_resize_policy(container, path, pod, found)
    validate_container_security(container, path, pod, found)
    _validate_restart(container, path, found)


def _validate_restart(container: v1.Container, path: str, found: Findings) -> None:
    """Judge a container's own restart policy and rules (KEP-5307)."""
    found.one_of(f"{path}.restartPolicy", container.restart_policy, RESTART_POLICIES)
    rules = container.restart_policy_rules
    if rules and not container.restart_policy:
        found.required(f"{path}.restartPolicy", "restartPolicyRules need it: Always, OnFailure or Never")
    if len(rules) > MAX_RULES:
        found.too_long(f"{path}.restartPolicyRules", f"got {len(rules)} rules, at most {MAX_RULES} are allowed")
    for index, rule in enumerate(rules):
        here = f"{path}.restartPolicyRules[{index}]"
        found.one_of(f"{here}.action", rule.action, RULE_ACTIONS)
        codes = rule.exit_codes
        if codes is None:
            found.required(f"{here}.exitCodes", "expected an operator and a list of exit codes")
            continue
        found.one_of(f"{here}.exitCodes.operator", codes.operator, RULE_OPERATORS)
        if not codes.values:
            found.required(f"{here}.exitCodes.values", "expected at least one exit code")
        elif len(codes.values) > MAX_EXIT_CODES:
            found.too_long(
                f"{here}.exitCodes.values", f"got {len(codes.values)} exit codes, at most {MAX_EXIT_CODES} are allowed"
            )
