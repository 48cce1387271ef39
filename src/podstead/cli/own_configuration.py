"""Our own configuration file (`--podstead-config`): what the kubelet's format has no fields for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.cli.checks import registry_host_reason
from podstead.cli.config_reader import ConfigReader, Section
from podstead.cli.own_security import NO_SECURITY, SecurityFields, read_security
from podstead.cli.upkeep import LEAST_FILES, NOTHING_GIVEN, UpkeepFields, read_bytes
from podstead.config.images import Registry
from podstead.config.runtime import RuntimeClass
from podstead.k8s import quantity
from podstead.k8s.names import dns1123_subdomain
from podstead.k8s.resources import CPU, MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator

OCI_RUNTIMES = ("crun", "runc")
OVERHEADS = (CPU, MEMORY)
"""What a sandbox can take by itself."""
_FIELDS = {
    "registries",
    "credentialsFile",
    "objectsPath",
    "proxy",
    "ociRuntime",
    "runtimeClasses",
    "seccompProfileRoot",
    "podNames",
    "strict",
    "shareRuntime",
    "parallelPulls",
    "gracefulShutdown",
    "crashLoopBackOff",
    "imageBackOff",
    "containerLogs",
    "security",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """A back-off's limits in seconds; None: not given."""

    initial_seconds: float | None = None
    max_seconds: float | None = None
    reset_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What pulls go through."""

    http: str = ""
    https: str = ""
    no_proxy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConfiguration:
    """The file's values; None and empty: not given."""

    registries: tuple[Registry, ...] = ()
    credentials_file: str = ""
    objects_path: str = ""
    proxy: Proxy | None = None
    oci_runtime: str = ""
    runtime_classes: tuple[RuntimeClass, ...] = ()
    seccomp_root: Path | None = None
    pod_names: bool | None = None
    strict: bool | None = None
    share_runtime: bool | None = None
    parallel_pulls: int | None = None
    graceful_shutdown: bool | None = None
    crash_loop: BackOff = BackOff()
    image_backoff: BackOff = BackOff()
    logs: UpkeepFields = NOTHING_GIVEN
    log_links: Path | None = None
    security: SecurityFields = NO_SECURITY


def read_own_configuration(path: Path) -> OwnConfiguration:
    """Return what the file says; raises OperatorError with all its problems, or OSError when it cannot be read."""
    reader = ConfigReader(path)
    root = reader.root()
    root.refuse_unknown(_FIELDS)
    credentials = root.string("credentialsFile")
    logs = root.section("containerLogs")
    links = _beside(path, logs.string("links")) if logs is not None else ""
    found = OwnConfiguration(
        registries=tuple(_registry(path, section) for section in root.sections("registries")),
        credentials_file=_beside(path, credentials),
        objects_path=_beside(path, root.string("objectsPath")),
        proxy=_proxy(root.section("proxy")),
        oci_runtime=root.checked("ociRuntime", oci_reason) or "",
        runtime_classes=tuple(_runtime_classes(root)),
        pod_names=root.boolean("podNames"),
        seccomp_root=_path_beside(path, root.string("seccompProfileRoot")),
        strict=root.boolean("strict"),
        share_runtime=root.boolean("shareRuntime"),
        parallel_pulls=root.integer("parallelPulls", 1),
        graceful_shutdown=root.boolean("gracefulShutdown"),
        crash_loop=_backoff(root.section("crashLoopBackOff"), ("initial", "max", "reset")),
        image_backoff=_backoff(root.section("imageBackOff"), ("initial", "max")),
        logs=_logs(logs),
        log_links=Path(links) if links else None,
        security=read_security(root.section("security"), path.absolute().parent),
    )
    reader.finish()
    return found


def _beside(path: Path, text: str | None) -> str:
    return str(path.absolute().parent / text) if text else ""


def _path_beside(path: Path, text: str | None) -> Path | None:
    return path.absolute().parent / text if text else None


def _runtime_classes(root: Section) -> Iterator[RuntimeClass]:
    seen: set[str] = set()
    for section in root.sections("runtimeClasses"):
        section.refuse_unknown({"name", "handler", "overhead"})
        name, handler = section.checked("name", dns1123_subdomain), section.string("handler")
        for field, given in (("name", name), ("handler", handler)):
            if not given:
                section.refuse(field, "is missing: a class is a name for a handler of the runtime, such as runc")
        if name in seen:
            section.refuse("name", "is the name of another class already")
        seen.add(name or "")
        yield RuntimeClass(name=name or "", handler=handler or "", overhead=tuple(_overhead(section)))


def _overhead(section: Section) -> Iterator[tuple[str, str]]:
    below = section.section("overhead")
    if below is None:
        return
    below.refuse_unknown(OVERHEADS)
    for resource in OVERHEADS:
        if (amount := below.checked(resource, _quantity_reason)) is not None:
            yield resource, amount


def _quantity_reason(text: str) -> str | None:
    try:
        return None if quantity.parse(text) > 0 else "must be more than nothing"
    except quantity.QuantityError as error:
        return str(error)


def oci_reason(text: str) -> str | None:
    """Return why a text is not an OCI runtime that we know to start."""
    return None if text in OCI_RUNTIMES else f"must be {' or '.join(OCI_RUNTIMES)}"


def _registry(path: Path, section: Section) -> Registry:
    section.refuse_unknown({"host", "mirrors", "ca", "skipVerify", "plainHTTP"})
    host = section.checked("host", registry_host_reason)
    if not host:
        section.refuse("host", "is missing: which registry is meant, such as docker.io")
    return Registry(
        host=host or "",
        mirrors=section.strings("mirrors") or (),
        ca_file=_beside(path, section.string("ca")),
        skip_verify=section.boolean("skipVerify") or False,
        plain_http=section.boolean("plainHTTP") or False,
    )


def _proxy(section: Section | None) -> Proxy | None:
    if section is None:
        return None
    section.refuse_unknown({"http", "https", "noProxy"})
    return Proxy(
        http=section.string("http") or "",
        https=section.string("https") or "",
        no_proxy=section.string("noProxy") or "",
    )


def _logs(section: Section | None) -> UpkeepFields:
    if section is None:
        return NOTHING_GIVEN
    section.refuse_unknown({"maxSize", "maxFiles", "links"})
    return UpkeepFields(log_bytes=read_bytes(section, "maxSize"), log_files=section.integer("maxFiles", LEAST_FILES))


def _backoff(section: Section | None, names: tuple[str, ...]) -> BackOff:
    if section is None:
        return BackOff()
    section.refuse_unknown(names)
    found = BackOff(
        initial_seconds=section.duration("initial"),
        max_seconds=section.duration("max"),
        reset_seconds=section.duration("reset") if "reset" in names else None,
    )
    if found.initial_seconds and found.max_seconds and found.initial_seconds > found.max_seconds:
        section.refuse("initial", "must not be longer than max")
    return found
