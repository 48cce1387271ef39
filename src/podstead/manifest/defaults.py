"""What Kubernetes fills in where a Pod says nothing (spec/kubelet-static-pods.md 2.6).

Pure and idempotent: the stored bytes of an old revision are defaulted by this same code before they are compared
(foundation 13). A zero counts as nothing said where Kubernetes' own type cannot tell the two apart.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import fields, replace

from podstead.k8s import core_v1 as v1
from podstead.k8s import quantity, resources

if TYPE_CHECKING:
    from collections.abc import Mapping

TERMINATION_GRACE_SECONDS = 30
TERMINATION_MESSAGE_PATH = "/dev/termination-log"
FILE_MODE = 0o644
"""Mode of files in downwardAPI, projected, configMap and secret volumes."""
PROBE_TIMEOUT_SECONDS = 1
PROBE_PERIOD_SECONDS = 10
PROBE_SUCCESS_THRESHOLD = 1
PROBE_FAILURE_THRESHOLD = 3


def apply_defaults(pod: v1.Pod) -> v1.Pod:
    """Return the pod with every default of the API filled in.

    A text that is no quantity stays as it is, for validation to name it.
    """
    spec = pod.spec
    spec = replace(
        spec,
        containers=tuple(_container(container, host_network=bool(spec.host_network)) for container in spec.containers),
        init_containers=tuple(
            _container(container, host_network=bool(spec.host_network)) for container in spec.init_containers
        ),
        volumes=tuple(_volume(volume) for volume in spec.volumes),
        overhead=_rounded(spec.overhead),
        restart_policy=spec.restart_policy or "Always",
        dns_policy=spec.dns_policy or "ClusterFirst",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        enable_service_links=True if spec.enable_service_links is None else spec.enable_service_links,
        security_context=spec.security_context or v1.PodSecurityContext(),
    )
    if spec.termination_grace_period_seconds is None:
        spec = replace(spec, termination_grace_period_seconds=TERMINATION_GRACE_SECONDS)
    return replace(pod, spec=replace(spec, resources=_pod_resources(replace(pod, spec=spec))))


def pull_policy(image: str | None) -> str:
    """Return the imagePullPolicy of an image for which none is given: a moving tag is asked for each time.

    No tag means `latest`, except beside a digest; a name that is none counts as fixed, as in the kubelet.
    """
    name, _, digest = (image or "").partition("@")
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2]
    moving = tag == "latest" or (last and not tag and not digest)
    return "Always" if moving else "IfNotPresent"


def _container(container: v1.Container, *, host_network: bool) -> v1.Container:
    return replace(
        container,
        image_pull_policy=container.image_pull_policy or pull_policy(container.image),
        termination_message_path=container.termination_message_path or TERMINATION_MESSAGE_PATH,
        termination_message_policy=container.termination_message_policy or "File",
        ports=tuple(_port(port, host_network=host_network) for port in container.ports),
        env=tuple(_env(entry) for entry in container.env),
        resources=_container_resources(container.resources),
        liveness_probe=_probe(container.liveness_probe),
        readiness_probe=_probe(container.readiness_probe),
        startup_probe=_probe(container.startup_probe),
        lifecycle=_lifecycle(container.lifecycle),
    )


def _port(port: v1.ContainerPort, *, host_network: bool) -> v1.ContainerPort:
    host_port = port.host_port or (port.container_port if host_network else port.host_port)
    return replace(port, protocol=port.protocol or "TCP", host_port=host_port)


def _env(entry: v1.EnvVar) -> v1.EnvVar:
    source = entry.value_from
    if source is None:
        return entry
    if source.field_ref is not None:
        source = replace(source, field_ref=_field_ref(source.field_ref))
    if source.file_key_ref is not None and source.file_key_ref.optional is None:
        source = replace(source, file_key_ref=replace(source.file_key_ref, optional=False))
    return replace(entry, value_from=source)


def _field_ref(reference: v1.ObjectFieldSelector) -> v1.ObjectFieldSelector:
    return replace(reference, api_version=reference.api_version or "v1")


def _probe(probe: v1.Probe | None) -> v1.Probe | None:
    if probe is None:
        return None
    return replace(
        probe,
        timeout_seconds=probe.timeout_seconds or PROBE_TIMEOUT_SECONDS,
        period_seconds=probe.period_seconds or PROBE_PERIOD_SECONDS,
        success_threshold=probe.success_threshold or PROBE_SUCCESS_THRESHOLD,
        failure_threshold=probe.failure_threshold or PROBE_FAILURE_THRESHOLD,
        initial_delay_seconds=probe.initial_delay_seconds or 0,
        http_get=_http_get(probe.http_get),
        grpc=None if probe.grpc is None else replace(probe.grpc, service=probe.grpc.service or ""),
    )


def _http_get(action: v1.HTTPGetAction | None) -> v1.HTTPGetAction | None:
    if action is None:
        return None
    return replace(action, path=action.path or "/", scheme=action.scheme or "HTTP")


def _lifecycle(lifecycle: v1.Lifecycle | None) -> v1.Lifecycle | None:
    if lifecycle is None:
        return None
    return replace(lifecycle, post_start=_hook(lifecycle.post_start), pre_stop=_hook(lifecycle.pre_stop))


def _hook(hook: v1.LifecycleHandler | None) -> v1.LifecycleHandler | None:
    return None if hook is None else replace(hook, http_get=_http_get(hook.http_get))


def _volume(volume: v1.Volume) -> v1.Volume:
    if not volume_sources(volume):
        return replace(volume, empty_dir=v1.EmptyDirVolumeSource())
    return replace(
        volume,
        host_path=volume.host_path and replace(volume.host_path, type=volume.host_path.type or ""),
        image=volume.image
        and replace(volume.image, pull_policy=volume.image.pull_policy or pull_policy(volume.image.reference)),
        empty_dir=volume.empty_dir and _empty_dir(volume.empty_dir),
        config_map=_with_mode(volume.config_map),
        secret=_with_mode(volume.secret),
        downward_api=_downward_api(volume.downward_api),
        projected=_projected(volume.projected),
    )


def _empty_dir(source: v1.EmptyDirVolumeSource) -> v1.EmptyDirVolumeSource:
    return source if source.size_limit is None else replace(source, size_limit=_rounded_text(source.size_limit))


def volume_sources(volume: v1.Volume) -> tuple[str, ...]:
    """Return the JSON names of the sources a volume has; a valid one has exactly one after defaulting."""
    return tuple(f.encode_name for f in fields(volume) if f.name != "name" and getattr(volume, f.name) is not None)


M = TypeVar("M", v1.ConfigMapVolumeSource, v1.SecretVolumeSource, v1.DownwardAPIVolumeSource, v1.ProjectedVolumeSource)


def _with_mode(source: M | None) -> M | None:
    if source is None or source.default_mode is not None:
        return source
    return replace(source, default_mode=FILE_MODE)


def _downward_api(source: v1.DownwardAPIVolumeSource | None) -> v1.DownwardAPIVolumeSource | None:
    source = _with_mode(source)
    return source and replace(source, items=tuple(_downward_file(item) for item in source.items))


def _projected(source: v1.ProjectedVolumeSource | None) -> v1.ProjectedVolumeSource | None:
    source = _with_mode(source)
    return source and replace(source, sources=tuple(_projection(projection) for projection in source.sources))


def _projection(projection: v1.VolumeProjection) -> v1.VolumeProjection:
    inner = projection.downward_api
    if inner is None:
        return projection
    return replace(projection, downward_api=replace(inner, items=tuple(_downward_file(item) for item in inner.items)))


def _downward_file(item: v1.DownwardAPIVolumeFile) -> v1.DownwardAPIVolumeFile:
    return item if item.field_ref is None else replace(item, field_ref=_field_ref(item.field_ref))


def _container_resources(given: v1.ResourceRequirements | None) -> v1.ResourceRequirements | None:
    """Return the resources with each absent request equal to its limit."""
    if given is None:
        return None
    limits = _rounded(given.limits)
    return replace(given, limits=limits, requests={**limits, **_rounded(given.requests)})


def _pod_resources(pod: v1.Pod) -> v1.ResourceRequirements | None:
    """Return the pod-level resources completed from the containers, which are defaulted already (KEP-2837).

    Only a pod level that says something is completed: hugepage limits from the sum of the containers', then, where
    there is a limit, requests from the sum of the containers' requests, else from the limit.
    """
    given = pod.spec.resources
    if given is None or not (given.limits or given.requests):
        return given
    try:
        asked, limited = resources.aggregate_requests(pod), resources.aggregate_limits(pod)
    except quantity.QuantityError:
        return given
    pages = {name: quantity.render(amount, quantity.Style.BINARY) for name, amount in limited.items() if _pages(name)}
    limits = {**pages, **_rounded(given.limits)}
    if not limits:
        return replace(given, requests=_rounded(given.requests))
    sums = {name: quantity.render(asked[name], style) for name, style in _SUMMED.items() if name in asked}
    supported = {name: text for name, text in limits.items() if name in _SUMMED or _pages(name)}
    return replace(given, limits=limits, requests={**supported, **sums, **_rounded(given.requests)})


_SUMMED = {resources.CPU: quantity.Style.DECIMAL, resources.MEMORY: quantity.Style.BINARY}


def _pages(name: str) -> bool:
    return name.startswith(resources.HUGEPAGES_PREFIX)


def _rounded(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: _rounded_text(text) for name, text in texts.items()}


def _rounded_text(text: str) -> str:
    """Return the text, or that of the next thousandth above when it is finer than one."""
    try:
        thousandths = quantity.parse(text) * 1000
    except quantity.QuantityError:
        return text
    if thousandths.denominator == 1:
        return text
    return quantity.render(Fraction(math.ceil(thousandths), 1000), quantity.style(text))
