"""The kubelet's settings for a node that goes down, as groups of pods by priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podstead.config.node import CRITICAL_LAST, ShutdownGroup
from podstead.k8s.labels import SYSTEM_CRITICAL_PRIORITY

if TYPE_CHECKING:
    from podstead.cli.config_reader import Section

PRIORITY_LEAST = -(2**31)


def shutdown_groups(root: Section) -> tuple[ShutdownGroup, ...]:
    """Return the groups that a KubeletConfiguration asks for, those of the kubelet without times where it says nothing.

    `shutdownGracePeriod` is for all pods, of which `shutdownGracePeriodCriticalPods` is the critical ones' share. Zero says
    nothing: kubeadm writes it into every file, and means no time for anybody by it least of all.
    """
    whole = root.duration("shutdownGracePeriod") or None
    critical = root.duration("shutdownGracePeriodCriticalPods") or None
    listed = [_group(section) for section in root.sections("shutdownGracePeriodByPodPriority")]
    if listed and (whole is not None or critical is not None):
        root.refuse("shutdownGracePeriodByPodPriority", "may not stand beside shutdownGracePeriod: write one of them")
    if listed:
        priorities = [group.priority for group in listed]
        if len(set(priorities)) < len(priorities):
            root.refuse("shutdownGracePeriodByPodPriority", "names a priority twice")
        return tuple(sorted(listed, key=lambda group: group.priority))
    if whole is None:
        if critical is not None:
            root.refuse("shutdownGracePeriodCriticalPods", "is a part of shutdownGracePeriod: write that too")
        return CRITICAL_LAST
    if (critical or 0.0) > whole:
        root.refuse(
            "shutdownGracePeriodCriticalPods", "must not be longer than shutdownGracePeriod, which it is part of"
        )
    share = critical or 0.0
    return (
        ShutdownGroup(priority=0, seconds=whole - share),
        ShutdownGroup(priority=SYSTEM_CRITICAL_PRIORITY, seconds=share),
    )


def _group(section: Section) -> ShutdownGroup:
    section.refuse_unknown({"priority", "shutdownGracePeriodSeconds"})
    priority = section.integer("priority", PRIORITY_LEAST)
    seconds = section.integer("shutdownGracePeriodSeconds", 0)
    for name, value in (("priority", priority), ("shutdownGracePeriodSeconds", seconds)):
        if value is None:
            section.refuse(name, "must be given")
    return ShutdownGroup(priority=priority or 0, seconds=float(seconds or 0))
