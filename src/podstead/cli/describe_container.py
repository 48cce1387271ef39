"""A container in words. Pure. Of env, command and args only the names and numbers are told (foundation 24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.cli.times import local_time

if TYPE_CHECKING:
    from podstead.cli.outline import Outline
    from podstead.k8s import core_v1 as v1

SET = "<set>"
"""Stands for a value that is there and nobody's business."""


def add_container(outline: Outline, container: v1.Container, status: v1.ContainerStatus | None) -> None:
    """Add everything about a container to its block."""
    outline.add("Container ID", (status and status.container_id) or "")
    outline.add("Image", container.image or "")
    outline.add("Image ID", (status and status.image_id) or "")
    outline.add("Ports", *(_port(port) for port in container.ports))
    outline.add("Host Ports", *(_host_port(port) for port in container.ports if port.host_port))
    for name, words in (("Command", container.command), ("Args", container.args)):
        if words:
            outline.add(name, f"{SET} ({len(words)} {'word' if len(words) == 1 else 'words'})")
    _states(outline, status)
    _resources(outline, container.resources)
    for name, probe in (
        ("Liveness", container.liveness_probe),
        ("Readiness", container.readiness_probe),
        ("Startup", container.startup_probe),
    ):
        if probe is not None:
            outline.add(name, probe_text(probe))
    _environment(outline, container)
    outline.add("Mounts", *(_mount(mount) for mount in container.volume_mounts))


def state_words(state: v1.ContainerState | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a state's name, and what there is to say of it."""
    if state is not None and state.running is not None:
        return "Running", (("Started", local_time(state.running.started_at)),)
    if state is not None and state.terminated is not None:
        ended = state.terminated
        details = [
            ("Reason", ended.reason or ""),
            ("Message", ended.message or ""),
            ("Exit Code", str(ended.exit_code)),
        ]
        details += [("Signal", str(ended.signal) if ended.signal else "")]
        details += [("Started", local_time(ended.started_at)), ("Finished", local_time(ended.finished_at))]
        return "Terminated", tuple((key, text) for key, text in details if text)
    if state is not None and state.waiting is not None:
        details = [("Reason", state.waiting.reason or ""), ("Message", state.waiting.message or "")]
        return "Waiting", tuple((key, text) for key, text in details if text)
    return "Waiting", ()


def _states(outline: Outline, status: v1.ContainerStatus | None) -> None:
    name, details = state_words(status.state if status else None)
    below = outline.block("State", name)
    for key, text in details:
        below.add(key, text)
    if status is None:
        return
    if status.last_state is not None and status.last_state.terminated is not None:
        name, details = state_words(status.last_state)
        below = outline.block("Last State", name)
        for key, text in details:
            below.add(key, text)
    outline.add("Ready", str(status.ready))
    outline.add("Restart Count", str(status.restart_count))


def _resources(outline: Outline, resources: v1.ResourceRequirements | None) -> None:
    if resources is None:
        return
    for name, amounts in (("Limits", resources.limits), ("Requests", resources.requests)):
        if amounts:
            below = outline.block(name)
            for resource, amount in sorted(amounts.items()):
                below.add(resource, str(amount))


def probe_text(probe: v1.Probe) -> str:
    """Return a probe in kubectl's words; what an exec probe runs is not told."""
    return (
        f"{_handler(probe)} delay={probe.initial_delay_seconds or 0}s timeout={probe.timeout_seconds or 1}s "
        f"period={probe.period_seconds or 10}s #success={probe.success_threshold or 1} "
        f"#failure={probe.failure_threshold or 3}"
    )


def _handler(probe: v1.Probe) -> str:
    if probe.tcp_socket is not None:
        return f"tcp-socket {probe.tcp_socket.host or ''}:{probe.tcp_socket.port}"
    if probe.http_get is not None:
        get = probe.http_get
        path, question, _ = (get.path or "/").partition("?")
        return f"http-get {(get.scheme or 'HTTP').lower()}://{get.host or ''}:{get.port}{path}{question and '?' + SET}"
    if probe.grpc is not None:
        return f"grpc <pod>:{probe.grpc.port} {probe.grpc.service or ''}".rstrip()
    return f"exec {SET}"


def _environment(outline: Outline, container: v1.Container) -> None:
    for source in container.env_from:
        kind = "secret" if source.secret_ref else "configMap"
        reference = source.secret_ref or source.config_map_ref
        prefix = f" with prefix '{source.prefix}'" if source.prefix else ""
        optional = _optional(reference.optional if reference is not None else None)
        outline.add("Environment From", f"{kind} {(reference and reference.name) or ''}{prefix}{optional}")
    if not container.env:
        outline.add("Environment")
        return
    below = outline.block("Environment")
    for variable in container.env:
        below.add(variable.name, _origin(variable))


def _optional(optional: bool | None) -> str:
    return ", optional" if optional else ""


def _origin(variable: v1.EnvVar) -> str:
    source = variable.value_from
    if source is None:
        return SET if variable.value else "<empty>"
    if source.field_ref is not None:
        return f"{SET} from {source.field_ref.field_path}"
    if source.resource_field_ref is not None:
        wanted = source.resource_field_ref
        of = f" of container {wanted.container_name}" if wanted.container_name else ""
        return f"{SET} from {wanted.resource}{of}"
    if source.file_key_ref is not None:
        wanted_key = source.file_key_ref
        where = f"file '{wanted_key.path}' of volume '{wanted_key.volume_name}'"
        return f"<set to the key '{wanted_key.key}' in {where}>{_optional(wanted_key.optional)}"
    for kind, selected in (("configMap", source.config_map_key_ref), ("secret", source.secret_key_ref)):
        if selected is not None:
            return f"<set to the key '{selected.key}' in {kind} '{selected.name}'>{_optional(selected.optional)}"
    return "<empty>"


def _port(port: v1.ContainerPort) -> str:
    name = f" ({port.name})" if port.name else ""
    return f"{port.container_port}/{port.protocol or 'TCP'}{name}"


def _host_port(port: v1.ContainerPort) -> str:
    host = f"{port.host_ip}:" if port.host_ip else ""
    return f"{host}{port.host_port}/{port.protocol or 'TCP'}"


def _mount(mount: v1.VolumeMount) -> str:
    ways = ["ro" if mount.read_only else "rw"]
    part = mount.sub_path or mount.sub_path_expr
    ways += [f'path="{part}"'] if part else []
    return f"{mount.mount_path} from {mount.name} ({','.join(ways)})"
