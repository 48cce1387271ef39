"""Images: every runtime does this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podstead.errors import RuntimeFault
from tests.contract.conftest import REFUSED_IMAGE

if TYPE_CHECKING:
    from tests.contract.subject import Subject


async def test_an_image_is_found_by_tag_and_id(subject: Subject) -> None:
    found = await subject.client.image(subject.image)
    assert found is not None
    assert subject.image in found.tags
    assert (found.user, found.username) == (0, "")
    assert found.size > 0
    assert await subject.client.image(found.id) == found
    assert await subject.client.image("busybox:1.36") == found
    assert found in await subject.client.images()


async def test_an_unknown_image_is_none_and_its_removal_no_error(subject: Subject) -> None:
    assert await subject.client.image("example.test/nothing:1") is None
    await subject.client.remove_image("example.test/nothing:1")


async def test_a_pull_that_is_refused_names_the_host(subject: Subject) -> None:
    with pytest.raises(RuntimeFault, match=r"from 127\.0\.0\.1:1: the connection was refused") as caught:
        await subject.client.pull_image(REFUSED_IMAGE)
    assert (caught.value.reason, caught.value.transient) == ("ErrImagePull", False)
    assert await subject.client.image(REFUSED_IMAGE) is None


async def test_the_disk_use_of_images(subject: Subject) -> None:
    async def counted() -> bool:
        return (await subject.client.image_fs()).used_bytes > 0

    # containerd counts every 10 s, and says 0 before.
    await subject.wait_for(counted, "no disk use was counted")


async def test_what_older_runtimes_cannot_do(subject: Subject) -> None:
    assert await subject.client.runtime_config() in {None, "cgroupfs", "systemd"}
    if await subject.stop_of_unknown_is_an_error():
        assert await subject.client.runtime_config() is None
