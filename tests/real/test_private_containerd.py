"""The private containerd for real: started, adopted, killed and started again, ended without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.nodes import PrivateNode

pytestmark = pytest.mark.real


async def test_the_session_node_answers_and_is_ready(private_node: PrivateNode) -> None:
    async with private_node.client() as runtime:
        info = await runtime.info()
        images = await runtime.images()
    assert (info.name, info.ready, info.network_ready) == ("containerd", True, True)
    tags = {tag for image in images for tag in image.tags}
    assert tags == {private_node.image, private_node.running.sandbox_image}
