"""What an instance that ends leaves for log shippers: nothing of ours, everything of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.config.paths import paths_for
from podstead.daemon.halt import unlink_logs

if TYPE_CHECKING:
    from pathlib import Path


def test_links_of_our_pods_go(tmp_path: Path) -> None:
    paths = paths_for(tmp_path)
    (paths.pods / "u1").mkdir(parents=True)
    paths.log_links.mkdir(parents=True)
    for name, uid in (("ours.log", "u1"), ("theirs.log", "u2")):
        (paths.log_links / name).symlink_to(paths.pod_logs / f"d_p_{uid}" / "c" / "0.log")
    unlink_logs(paths)
    assert [entry.name for entry in paths.log_links.iterdir()] == ["theirs.log"]


def test_an_instance_without_pods_has_no_links(tmp_path: Path) -> None:
    unlink_logs(paths_for(tmp_path))
    assert not (tmp_path / "log").exists()
