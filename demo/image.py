"""Gets the manifest's image into the agent's runtime: from a registry where one answers, else a stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.errors import DemoError
from demo.packages import read_package_source, read_release
from demo.stand_in import IMAGE, BuiltStandIn, StandIns, recipes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from demo.node import Node
    from demo.stand_in import Recipe

PULL_SECONDS = 600.0
"""A real image is 150 MB; containerd itself gives up on a registry that does not answer."""
IMPORT_SECONDS = 300.0
"""Half a gigabyte takes 6 s here."""
ENGINE_MARK = ".podstead-engine"
"""The stand-in's entrypoint writes this file into its data directory: `MySQL 9.7`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The image that the pod will run. `stand_in` is None for the real one."""

    stand_in: BuiltStandIn | None


class Images:
    """The ways to the image."""

    def __init__(self, node: Node, stand_ins: StandIns, say: Callable[[str], None]) -> None:
        self._node = node
        self._stand_ins = stand_ins
        self._say = say

    def present(self, data: Path | None = None) -> Image | None:
        """Return the image when the runtime has it; a stand-in is known by its id, else by the data that it made."""
        held = next((image for image in self._node.images() if IMAGE in image.tags), None)
        if held is None:
            return None
        known = next((one for one in self._stand_ins.known() if one.image == held.id), None)
        if known is None and data is not None and (family := data_family(data)):
            known = BuiltStandIn(image=held.id, server=f"{family} from Debian")
        return Image(stand_in=known)

    def pull(self) -> str:
        """Pull the real image; return why that failed, or an empty text."""
        try:
            self._node.command("image", "pull", IMAGE, seconds=PULL_SECONDS)
        except DemoError as error:
            # In brackets follow the runtime's own words, several hundred characters of them.
            return str(error).partition(" (")[0]
        return ""

    def from_archive(self, archive: Path) -> Image:
        """Import the real image from what `docker save` wrote.

        Raises:
            DemoError: the archive is none, or holds another image.
        """
        self._node.command("image", "import", str(archive.absolute()), say=self._say, seconds=IMPORT_SECONDS)
        image = self.present()
        if image is None:
            raise DemoError(f"{archive} does not hold {IMAGE}: write it with 'docker save mysql:5.7.39 -o FILE.tar'")
        return image

    def stand_in(self, family: str) -> Image:
        """Import a stand-in, building it where no earlier run did; `family` is the only one to try, empty for any.

        Raises:
            DemoError: none can be had.
        """
        wanted = [recipe for recipe in recipes(read_release()) if family in {"", recipe.family}]
        reasons = []
        for recipe in wanted:
            try:
                # Where an earlier run's is kept nothing is asked of apt, whose lists may never have been fetched here.
                built = self._stand_ins.find(recipe) or self._stand_ins.build(recipe, read_package_source())
            except DemoError as error:
                self._say(str(error))
                reasons.append(str(error))
                continue
            return self._import(recipe, built)
        raise DemoError(f"no stand-in for {IMAGE} can be had: {'; '.join(reasons)}")

    def _import(self, recipe: Recipe, built: BuiltStandIn) -> Image:
        archive = self._stand_ins.archive(recipe)
        self._say(f"importing {archive}")
        self._node.command("image", "import", str(archive), seconds=IMPORT_SECONDS)
        return Image(stand_in=built)


def data_family(data: Path) -> str:
    """Return which family of stand-in made the data, `MySQL` or `MariaDB`; empty when none did."""
    try:
        words = (data / ENGINE_MARK).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return ""
    # An interrupted first start is begun anew by whoever comes.
    return words[0] if words and words[0] != "unfinished" else ""
