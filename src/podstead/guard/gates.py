"""What stands between the source and the kubelet: signatures, then what the kubelet would read, then self-protection and policy."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from podstead.agent.gates import OPEN, Gates, InTurn
from podstead.agent.self_protection import SelfProtection
from podstead.config.security import SignatureMode
from podstead.manifest.armour import Limits
from podstead.manifest.read_for_kubelet import MAX_BYTES, read_for_kubelet
from podstead.policy.judge_file import REASON, judge_file
from podstead.policy.values import Circumstances, Origin
from podstead.state.provenance import Warrant
from podstead.state.trust import mode_in_force
from podstead.store.kept_trust import KeptTrustStore
from podstead.volumes.protection import Protected, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from podstead.agent.gates import Judge, Verifier
    from podstead.agent.signatures import Signatures
    from podstead.clock import Clock
    from podstead.guard.settings import GuardSettings
    from podstead.manifest.reading import Reading
    from podstead.state.audit import AuditEntry
    from podstead.state.sources import ManifestFile, SourceSnapshot
    from podstead.store.trust import TrustStore

log = logging.getLogger(__name__)

_SECRET = (Path("/run/containerd"), Path("/run/crio"), Path("/run/cri-dockerd.sock"))
"""The runtimes' sockets: who reaches one of them makes any container."""
_READABLE = (Path("/var/lib/kubelet/config.yaml"), Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
"""What decides where the kubelet takes its pods from."""

_ANY_POD = b"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}"


class KubeletDecoder:
    """Reads files as the kubelet will, and refuses where a person would read them otherwise."""

    def __init__(self, node: str) -> None:
        self._node = node
        # msgspec looks into a type when it is first converted to, and crashes where two threads do that at once: so it
        # happens here, before there are any.
        if not read_for_kubelet(_ANY_POD, "node").accepted:
            raise AssertionError("the plainest of pods is accepted")

    async def decode(self, file: ManifestFile) -> Reading:
        """Return what a kubelet would run of a file's bytes."""
        return await asyncio.to_thread(read_for_kubelet, file.data or b"", self._node)


class PolicyJudge:
    """Judges by the policy; what was found of unchanged bytes and the same signer is kept."""

    def __init__(self, settings: GuardSettings, clock: Clock, mode: Callable[[], SignatureMode]) -> None:
        self._settings = settings
        self._clock = clock
        self._mode = mode

    async def judge(self, snapshot: SourceSnapshot, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings, those refused that the policy forbids."""
        judged = dict(readings)
        for file in snapshot.files:
            reading = readings.get(file.name)
            if reading is not None and reading.accepted and file.data is not None:
                judged[file.name] = await asyncio.to_thread(self._judged, file, file.data, reading)
        return judged

    def _judged(self, file: ManifestFile, data: bytes, reading: Reading) -> Reading:
        policy = self._settings.policy
        if policy is None:
            return reading
        found = judge_file(
            data, policy, _origin(file), self._at(), Limits(max_bytes=MAX_BYTES), rules=self._settings.rules
        )
        messages = (*found.messages, *reading.messages)
        return (
            replace(reading, reason=REASON, messages=messages) if found.refused else replace(reading, messages=messages)
        )

    def _at(self) -> Circumstances:
        enforce = self._mode() is SignatureMode.ENFORCE
        return Circumstances(node=self._settings.node, now=self._clock.now().wall, enforce=enforce)


def _origin(file: ManifestFile) -> Origin:
    """Return what a policy goes by: who answers for the bytes."""
    provenance = file.provenance
    digest = f"sha256:{file.digest}"
    if provenance is None or provenance.warrant not in {Warrant.SIGNATURE, Warrant.INDEX}:
        return Origin(file=file.name, digest=digest)
    pins = frozenset(image for image, _ in provenance.pins)
    return Origin(file=file.name, digest=digest, signed=True, principals=provenance.principals, pins=pins)


class GuardLog:
    """Takes what an agent would record as events and for its audit log, and writes it to the guard's own log."""

    def node_event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Record one."""
        log.log(logging.WARNING if warning else logging.INFO, "%s: %s", reason, message)

    def note(self, entry: AuditEntry) -> None:
        """Take one entry."""
        log.info("%s %s: %s", entry.act, entry.subject, entry.message)


def self_protection(settings: GuardSettings) -> SelfProtection:
    """Return the judge that keeps pods away from what decides which pods run."""
    return SelfProtection(tuple(_named(settings)))


def _named(settings: GuardSettings) -> Iterator[Protected]:
    """Yield what no pod may reach, by every name that is known of it."""
    security = settings.security
    house = [Protected(path=settings.source, noun="the manifests")]
    house += [Protected(path=settings.publish, noun="what the kubelet runs")] if settings.publish is not None else []
    house += [
        Protected(path=settings.state, noun="the guard's state"),
        Protected(path=Path("/etc/podstead"), noun="the guard's configuration"),
        Protected(path=security.allowed_signers, noun="the trust store", readable=True),
        Protected(path=security.revoked_keys, noun="the trust store", readable=True),
        *(Protected(path=path, noun="the runtime's socket") for path in _SECRET),
        *(Protected(path=path, noun="the kubelet's configuration", readable=True) for path in _READABLE),
    ]
    if settings.policy_path is not None:
        house.append(Protected(path=settings.policy_path, noun="the policy", readable=True))
    for one in house:
        real, links = resolved(one.path)
        yield from (replace(one, path=path) for path in dict.fromkeys((one.path, real)))
        yield from (replace(one, path=link, readable=True) for link in links)


def build_gates(
    settings: GuardSettings, trust: TrustStore, clock: Clock
) -> tuple[Callable[[bool], Gates], Signatures | None]:
    """Return the gates, given whether the guard pauses, and what follows the operator's signers; None where nobody signs."""
    mode, _ = mode_in_force(settings.security.signature_mode, trust.record)
    always = self_protection(settings)
    signatures = _signatures(settings, trust, clock) if mode is not SignatureMode.OFF else None
    verifier: Verifier = OPEN.verifier
    if signatures is not None:
        from podstead.trust.contents import Kind  # noqa: PLC0415 - with the cryptographic library

        verifier = signatures.gate(Kind.MANIFEST)
    judge: Judge = InTurn(always, PolicyJudge(settings, clock, lambda: signatures.mode if signatures else mode))
    strict, lenient = Gates(verifier=verifier, judge=judge), Gates(verifier=OPEN.verifier, judge=always)
    return (lambda paused: lenient if paused else strict), signatures


def _signatures(settings: GuardSettings, trust: TrustStore, clock: Clock) -> Signatures:
    # Not at the top: the cryptographic library is 10 MiB that only a guard which looks at signatures needs.
    from podstead.agent.signatures import Signatures  # noqa: PLC0415 - see above
    from podstead.agent.trust_keeper import TrustKeeper  # noqa: PLC0415 - see above
    from podstead.daemon.signatures import OperatorsTrust  # noqa: PLC0415 - see above

    book = OperatorsTrust(settings.security, KeptTrustStore(settings.state))
    keeper = TrustKeeper(trust, book, settings.security.signature_mode, clock, settings.hints)
    told = GuardLog()
    return Signatures(settings.node, keeper, dict, told, told, clock)
