"""Everything `podstead run` is told, as one value: flags, then our own file, then the kubelet's, then defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.flag_values import FlagValues, first
from podstead.cli.kubelet_configuration import KubeletConfiguration, read_kubelet_configuration
from podstead.cli.manifest_url import PLAIN, manifest_url
from podstead.cli.node_settings import node_settings
from podstead.cli.options import UsageError
from podstead.cli.own_configuration import OwnConfiguration, Proxy, oci_reason, read_own_configuration
from podstead.cli.own_security import STOP, foreign_reason, mode_reason
from podstead.cli.upkeep import flagged_upkeep, upkeep_settings
from podstead.config.images import ImageSettings
from podstead.config.paths import Paths, paths_for
from podstead.config.runtime import RestartSettings, RuntimeSettings
from podstead.config.security import SecuritySettings, SignatureMode
from podstead.config.settings import Settings
from podstead.config.sources import SourceSettings
from podstead.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from podstead.cli.run_flags import RunFlags

DEFAULT_VERBOSITY = 2
OWN_FILE = Path("/etc/podstead/config.yaml")
OBJECTS = Path("/etc/podstead/objects")
POLICY = Path("/etc/podstead/policy.yaml")
NO_DIRECTORY = (
    "say where the manifests are: --pod-manifest-path=/etc/kubernetes/manifests, "
    "or staticPodPath (staticPodURL) in the file given by --config"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the configuration takes from the machine."""

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    own_file: Path = OWN_FILE
    objects: Path = OBJECTS
    """The objects directory where none is named, if it is there."""
    policy: Path = POLICY
    """The policy where none is named, if it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The settings, and remarks that the operator should see before the agent starts."""

    settings: Settings
    remarks: tuple[str, ...] = ()


def configure(flags: RunFlags, host: Host) -> Configured:
    """Return the settings; raises UsageError for flags that cannot be meant, and OperatorError for files and the host."""
    given = FlagValues(flags)
    kubelet, remarks = _kubelet_file(given)
    own = _own_file(given, host)
    paths = _paths(given, kubelet, own)
    node, more = node_settings(given, kubelet, own, host.name)
    url = manifest_url(given, kubelet)
    security = _security(given, own, host)
    source = _source(given, kubelet, security, required=url is None)
    plain = (PLAIN,) if url is not None and url.url.startswith("http:") else ()
    settings = Settings(
        paths=paths,
        source=source,
        url=url,
        node=node,
        runtime=_runtime(given, kubelet, own),
        images=_images(kubelet, own, host),
        restart=_restart(kubelet, own),
        objects=_objects(given, own, source, security, host),
        upkeep=upkeep_settings(flagged_upkeep(given).over(own.logs).over(kubelet.upkeep)),
        shutdown=kubelet.shutdown,
        graceful_shutdown=own.graceful_shutdown is not False,
        security=security,
        strict=given.switch("strict", own.strict),
        verbosity=first(given.integer("v", 0), None, DEFAULT_VERBOSITY),
        files=tuple(_files(given, host)),
        unused=(*flags.unused, *kubelet.unused),
    )
    return Configured(settings=settings, remarks=(*remarks, *more, *plain))


def _kubelet_file(given: FlagValues) -> tuple[KubeletConfiguration, tuple[str, ...]]:
    """Return the KubeletConfiguration; a missing file is forgiven where the flags say enough.

    A kubelet's command line, pasted on a machine without a kubelet, names a file that only kubeadm would have written.
    """
    path = given.path("config")
    if path is None:
        return KubeletConfiguration(), ()
    try:
        return read_kubelet_configuration(path), ()
    except FileNotFoundError:
        if not given.text("pod-manifest-path"):
            raise OperatorError(f"cannot read --config {path}: there is no such file; {NO_DIRECTORY}") from None
        return KubeletConfiguration(), (
            f"WARNING: --config {path} does not exist: going on with the flags alone and defaults for the rest",
        )
    except OSError as error:
        raise OperatorError(f"cannot read --config {path}: {error.strerror}") from error


def _own_file(given: FlagValues, host: Host) -> OwnConfiguration:
    path = given.path("podstead-config")
    try:
        return read_own_configuration(path or host.own_file)
    except FileNotFoundError:
        if path is None:
            return OwnConfiguration()
        raise OperatorError(f"cannot read --podstead-config {path}: there is no such file") from None
    except OSError as error:
        raise OperatorError(f"cannot read the configuration {path or host.own_file}: {error.strerror}") from error


def _files(given: FlagValues, host: Host) -> Iterator[Path]:
    """Yield the configuration files that there are."""
    for path in (given.path("config"), given.path("podstead-config") or host.own_file):
        if path is not None and path.exists():
            yield path


def _paths(given: FlagValues, kubelet: KubeletConfiguration, own: OwnConfiguration) -> Paths:
    return replace(paths_for(given.path("root-dir"), kubelet.pod_logs, own.log_links), socket_path=given.path("socket"))


def _security(given: FlagValues, own: OwnConfiguration, host: Host) -> SecuritySettings:
    usual, file = SecuritySettings(), own.security
    policy = given.path("policy") or file.policy
    mode = given.checked("signature-mode", mode_reason)
    foreign = given.checked("foreign", foreign_reason)
    return SecuritySettings(
        allow_insecure=given.switch("allow-insecure-manifests", file.allow_insecure),
        signature_mode=first(SignatureMode(mode) if mode else None, file.signature_mode, usual.signature_mode),
        allowed_signers=first(given.path("allowed-signers"), file.allowed_signers, usual.allowed_signers),
        revoked_keys=first(given.path("revoked-keys"), file.revoked_keys, usual.revoked_keys),
        quarantine=given.switch("quarantine", file.quarantine),
        audit=file.audit,
        stop_foreign=first(foreign == STOP if foreign else None, file.stop_foreign, usual.stop_foreign),
        policy=policy or host.policy,
        policy_required=policy is not None,
    )


def _source(
    given: FlagValues, kubelet: KubeletConfiguration, security: SecuritySettings, *, required: bool
) -> SourceSettings | None:
    path = given.path("pod-manifest-path") or kubelet.static_pod_path
    if path is None and required:
        raise UsageError(NO_DIRECTORY)
    if path is None:
        return None
    seconds = given.seconds("file-check-frequency") or kubelet.check_seconds
    source = SourceSettings(path=path, allow_insecure=security.allow_insecure)
    return source if seconds is None else replace(source, check_seconds=seconds)


def _objects(
    given: FlagValues, own: OwnConfiguration, source: SourceSettings | None, security: SecuritySettings, host: Host
) -> SourceSettings | None:
    named = given.path("objects-dir") or (Path(own.objects_path) if own.objects_path else None)
    path = named or (host.objects if host.objects.is_dir() else None)
    if path is None:
        return None
    if source is not None and os.path.realpath(path) == os.path.realpath(source.path):
        raise UsageError(
            f"{path} cannot be the directory of manifests and of objects: give ConfigMaps and Secrets one of their own"
        )
    if source is None:
        return SourceSettings(path=path, allow_insecure=security.allow_insecure)
    return replace(source, path=path)


def _runtime(given: FlagValues, kubelet: KubeletConfiguration, own: OwnConfiguration) -> RuntimeSettings:
    usual = RuntimeSettings()
    return RuntimeSettings(
        endpoint=first(given.maybe("container-runtime-endpoint"), kubelet.endpoint, ""),
        sandbox_image=given.text("pod-infra-container-image"),
        oci_runtime=given.checked("oci-runtime", oci_reason) or own.oci_runtime,
        classes=own.runtime_classes,
        seccomp_root=given.path("seccomp-profile-root") or own.seccomp_root,
        seccomp_default=given.switch("seccomp-default", kubelet.seccomp_default),
        share_runtime=given.switch("share-runtime", own.share_runtime),
        request_seconds=first(given.seconds("runtime-request-timeout"), kubelet.request_seconds, usual.request_seconds),
    )


def _images(kubelet: KubeletConfiguration, own: OwnConfiguration, host: Host) -> ImageSettings:
    usual = ImageSettings()
    proxy = own.proxy or _environment_proxy(host.environ)
    return ImageSettings(
        registries=own.registries,
        credentials_file=own.credentials_file,
        http_proxy=proxy.http,
        https_proxy=proxy.https,
        no_proxy=proxy.no_proxy,
        parallel_pulls=first(own.parallel_pulls, kubelet.parallel_pulls, usual.parallel_pulls),
        backoff_seconds=first(own.image_backoff.initial_seconds, None, usual.backoff_seconds),
        max_backoff_seconds=first(own.image_backoff.max_seconds, None, usual.max_backoff_seconds),
    )


def _environment_proxy(environ: Mapping[str, str]) -> Proxy:
    """Return the proxies of the environment, in the two spellings that are about."""

    def value(name: str) -> str:
        return environ.get(name) or environ.get(name.lower(), "")

    return Proxy(http=value("HTTP_PROXY"), https=value("HTTPS_PROXY"), no_proxy=value("NO_PROXY"))


def _restart(kubelet: KubeletConfiguration, own: OwnConfiguration) -> RestartSettings:
    usual = RestartSettings()
    longest = first(own.crash_loop.max_seconds, kubelet.max_restart_seconds, usual.max_seconds)
    return RestartSettings(
        # A shorter limit shortens the first wait too: the kubelet never waits longer than its maximum.
        initial_seconds=min(first(own.crash_loop.initial_seconds, None, usual.initial_seconds), longest),
        max_seconds=longest,
        reset_seconds=first(own.crash_loop.reset_seconds, None, usual.reset_seconds),
    )
