"""Which images must be made present before containers can start (spec/kubelet-static-pods.md 3.10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from podstead.k8s.volumes import mounted_images
from podstead.reconcile.actions import PullImage, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podstead.clock import Instant
    from podstead.k8s import core_v1 as v1
    from podstead.state.observed import ObservedPod, TaskFailure
    from podstead.state.records import Revision

# For this long after a failed pull the reason is the error itself; then it is the waiting.
FRESH_FAILURE_SECONDS = 2.0
# Waiting does not mend these: the reason stays what it is.
LASTING = ("InvalidImageName", "ErrImageNeverPull", "ImageDigestMismatch")


@dataclass(slots=True)
class ImageNeeds:
    """What a set of containers needs of the image store."""

    pulls: list[PullImage] = field(default_factory=list)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    """By container name; a container that is absent here has its image."""
    requeue_at: float | None = None

    def later(self, moment: float) -> None:
        """Ask for another plan at this boot-clock second."""
        self.requeue_at = moment if self.requeue_at is None else min(self.requeue_at, moment)


def image_needs(
    containers: Iterable[v1.Container], revision: Revision, observed: ObservedPod, now: Instant
) -> ImageNeeds:
    """Return pulls and waiting reasons for containers that are about to start under `revision`.

    Policy Always asks the registry once for each container and revision, not again at each crash restart: a registry
    that is down must not keep a crashed service from coming back (a named difference from the kubelet).
    """
    needs = ImageNeeds()
    for container in containers:
        ran_before = any(c.name == container.name and c.revision == revision.id for c in observed.containers)
        for image, wanted in _images_of(container, revision):
            asked = ran_before or (image, revision.id) in observed.pulled
            policy = "IfNotPresent" if wanted == "Always" and asked else wanted
            if image not in observed.images or policy == "Always":
                pull = PullImage(image=image, revision=revision.id, policy=policy)
                _await_pull(container.name, pull, observed.failures.get(pull.key), needs, now)
    return needs


def _images_of(container: v1.Container, revision: Revision) -> Iterator[tuple[str, str]]:
    """Yield reference and pull policy of the container's image and of the image volumes that it mounts."""
    yield container.image or "", container.image_pull_policy or "IfNotPresent"
    for volume in mounted_images(container, revision.pod):
        yield volume.reference or "", volume.pull_policy or "IfNotPresent"


def _await_pull(name: str, pull: PullImage, failure: TaskFailure | None, needs: ImageNeeds, now: Instant) -> None:
    if failure is None or now.boot >= failure.retry_at:
        needs.pulls.append(pull)
        if failure is None:
            needs.waiting[name] = Waiting(reason="ContainerCreating", message="pulling the image")
            return
    if failure is not None:
        fresh = now.boot - failure.since < FRESH_FAILURE_SECONDS
        reason = failure.reason if fresh or failure.reason in LASTING else "ImagePullBackOff"
        needs.waiting[name] = Waiting(reason=reason, message=failure.message)
        if fresh:
            needs.later(failure.since + FRESH_FAILURE_SECONDS)
        elif now.boot < failure.retry_at:
            needs.later(failure.retry_at)
