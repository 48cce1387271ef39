"""The credentials with which a pod's own images are pulled: its imagePullSecrets, as far as they can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from podstead.images.credentials import CredentialFile, decode_secret
from podstead.manifest.validate.objects import DOCKER_CFG, DOCKER_KEYS
from podstead.state.references import pull_references

if TYPE_CHECKING:
    from podstead.k8s import core_v1 as v1
    from podstead.state.objects import LocalObject, ObjectLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class PullCredentials:
    """`files` in the manifest's order; `faults` has a sentence for each Secret of which not all can be used."""

    files: tuple[CredentialFile, ...] = ()
    faults: tuple[str, ...] = ()


def pull_credentials(pod: v1.Pod, objects: ObjectLookup) -> PullCredentials:
    """Return a pod's pull credentials. No sentence holds anything of a Secret but its name and type."""
    files, faults = [], []
    for key in pull_references(pod):
        found = objects.get(key)
        if found is None:
            faults.append(f"there is no {key}")
        elif (file := _credentials(found)) is None:
            faults.append(f"{key} is of type {found.type}, and pull credentials are of type {' or '.join(DOCKER_KEYS)}")
        else:
            files.append(CredentialFile(entries=file.entries))
            if file.warnings:  # which name hosts, and those are the Secret's own
                faults.append(f"{key} holds something that is not as docker login writes it")
    return PullCredentials(files=tuple(files), faults=tuple(faults))


def _credentials(secret: LocalObject) -> CredentialFile | None:
    """Return what a Secret of a type for pull credentials holds, None for one of another type."""
    key = DOCKER_KEYS.get(secret.type)
    if key is None:
        return None
    return decode_secret(secret.data.get(key, b""), str(secret.key), legacy=secret.type == DOCKER_CFG)
