"""Whether an entry of the policy is for this content: namespace and name are the manifest's author's to choose.

A level other than the default, an exemption or a priority is given to a name, and anybody may write that name into a file. So
it counts only where the signer may sign for that name, or, of content that nobody signed, where the policy names its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.signing.patterns import matches

if TYPE_CHECKING:
    from podstead.policy.values import Grant, Origin, Signer


def may_sign(origin: Origin, signers: tuple[Signer, ...], namespace: str, name: str) -> bool:
    """Return whether who signed the file is listed for a pod of that name."""
    return origin.signed and any(
        _is_one_of(origin.principals, signer.principals)
        and any(pattern.fits(namespace, name) for pattern in signer.pods)
        for signer in signers
    )


def _is_one_of(principals: str, listed: tuple[str, ...]) -> bool:
    """Return whether a name of the signer's own line is listed.

    The line may hold patterns: one that is not listed word by word could stand for anybody, and counts for nobody.
    """
    for name in principals.split(","):
        if not name or name.startswith("!"):
            continue
        if any(name == pattern for pattern in listed):
            return True
        if not set(name) & set("*?") and any(matches(name, pattern) for pattern in listed):
            return True
    return False


def names(grant: Grant, namespace: str, name: str) -> bool:
    """Return whether an entry is for pods of that name at all."""
    return any(pattern.fits(namespace, name) for pattern in grant.pods)


def withheld(grant: Grant, origin: Origin, signers: tuple[Signer, ...], namespace: str, name: str) -> str:
    """Return why an entry that names the pod is not for this content; empty: it is."""
    if origin.digest and origin.digest in grant.digests:
        return ""
    if origin.signed:
        if may_sign(origin, signers, namespace, name):
            return ""
        return f"the policy lists no signer {origin.principals!r} for {namespace}/{name}"
    if grant.digests:
        return f"nobody signed the file, and its digest {origin.digest or '(not known)'} is not listed there"
    return "nobody signed the file, and the entry lists no digests"
