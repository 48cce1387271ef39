"""Makes ready what a revision needs before its first start: images and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.agent.means import pin_of, revision_of
from podstead.agent.pull_secrets import pull_credentials
from podstead.agent.session import Inspected
from podstead.errors import PodsteadError

if TYPE_CHECKING:
    from podstead.agent.means import Means
    from podstead.agent.session import PodSession
    from podstead.images.credentials import CredentialFile
    from podstead.reconcile.actions import PrepareVolumes, PullImage
    from podstead.state.runtime import Image


class Preparer:
    """Pulls and prepares."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def pull(self, step: PullImage, session: PodSession) -> None:
        """Make an image present as its policy has it."""
        images, clock = self._means.images, self._means.clock
        pin = pin_of(revision_of(session, step.revision), step.image)
        image = await (images.held(step.image, pin) if pin else images.inspect(step.image))
        # What is pinned is the image that was meant: no registry is asked whether there is another by now.
        if step.policy != "Never" and (image is None or (step.policy == "Always" and not pin)):
            self._means.tell(session, "Pulling", f'Pulling image "{step.image}"')
            begun = clock.now().boot
            image = await self._fetched(step, session, pin)
            took = clock.now().boot - begun
            text = f'Successfully pulled image "{step.image}" in {took:.1f}s. Image size: {image.size} bytes.'
            self._means.tell(session, "Pulled", text)
        elif image is None:
            image = await self._fetched(step, session, pin)  # Never: says what to do
        session.images[step.image] = image.id
        session.inspected[step.image] = Inspected(image=image, at=clock.now().boot)
        session.pulled.add((step.image, step.revision))

    async def _fetched(self, step: PullImage, session: PodSession, pin: str) -> Image:
        credentials = self._credentials(step, session) if step.policy != "Never" else ()
        if pin:
            return await self._means.images.ensure_pinned(step.image, pin, step.policy, credentials)
        return await self._means.images.ensure(step.image, step.policy, credentials)

    def _credentials(self, step: PullImage, session: PodSession) -> tuple[CredentialFile, ...]:
        """Return the pod's own pull credentials; what cannot be used is said, and the image pulled without."""
        found = pull_credentials(revision_of(session, step.revision).pod, self._means.objects)
        if found.faults:
            text = f"not all pull Secrets can be used ({'; '.join(found.faults)}): pulling may fail"
            self._means.tell(session, "FailedToRetrieveImagePullSecret", text, warning=True)
        return found.files

    async def volumes(self, step: PrepareVolumes, session: PodSession) -> None:
        """Check and make what the revision mounts; what running containers see changes with the effective one only."""
        revision = revision_of(session, step.revision)
        in_force = session.record.effective == step.revision
        if in_force:
            session.outdated = False  # before it is read: what changes from now on is seen as a change again
        try:
            prepared = await self._means.home.prepare(revision, session.uid, in_force=in_force)
        except PodsteadError:
            session.outdated = session.outdated or in_force
            raise
        session.prepared[step.revision] = prepared
        for warning in prepared.warnings:
            self._means.tell(session, "FailedMount", warning, warning=True)
