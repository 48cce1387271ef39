"""What keeps the node fit for its pods: the sizes of logs, the removal of images, the thresholds of evictions."""

from __future__ import annotations

from dataclasses import dataclass

from podstead.k8s.signals import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How much of each attempt's log is kept (kubelet: containerLogMaxSize, containerLogMaxFiles)."""

    max_bytes: int = 10 << 20
    """0: no log is rotated."""
    max_files: int = 5
    look_seconds: float = 10.0
    """Period of the look at the sizes (kubelet: containerLogMonitorInterval); a log that grows fast is looked at sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageGCSettings:
    """When images that no pod needs are removed (kubelet: imageGC… and image…GCAge)."""

    high_percent: int = 85
    """Use of the images' file system above which images go; 100: never."""
    low_percent: int = 80
    """Use down to which they go."""
    min_age_seconds: float = 120.0
    """An image younger than this stays: it may be of a manifest that is about to be written."""
    max_age_seconds: float = 0.0
    """An image that no pod has needed for this long goes, however much room there is; 0: never."""
    period_seconds: float = 300.0
    """The kubelet's ImageGCPeriod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So many bytes or pieces, or this part of the whole."""

    number: int = 0
    fraction: float = 0.0

    def of(self, capacity: int) -> int:
        """Return the amount on a node that has so much."""
        return int(capacity * self.fraction) if self.fraction else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What must be left of something; `grace_seconds` is how long it may be less. After that `reclaim` more must be left."""

    signal: Signal
    amount: Amount
    grace_seconds: float = 0.0
    reclaim: Amount = Amount()


HARD_THRESHOLDS = (
    Threshold(signal=Signal.MEMORY, amount=Amount(number=100 << 20)),
    Threshold(signal=Signal.NODEFS, amount=Amount(fraction=0.10)),
    Threshold(signal=Signal.NODEFS_INODES, amount=Amount(fraction=0.05)),
    Threshold(signal=Signal.IMAGEFS, amount=Amount(fraction=0.15)),
    Threshold(signal=Signal.IMAGEFS_INODES, amount=Amount(fraction=0.05)),
)
"""The kubelet's evictionHard on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionSettings:
    """When pods go because the node runs short of something (kubelet: eviction…)."""

    thresholds: tuple[Threshold, ...] = HARD_THRESHOLDS
    max_grace_seconds: int = 0
    """The longest grace of a pod that goes by a soft threshold."""
    transition_seconds: float = 300.0
    """How long everything must have been enough before the node is said to be well and pods come back."""
    look_seconds: float = 10.0
    """Period of the measurement (kubelet: its eviction monitoring period)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    """What keeps the node fit for its pods."""

    logs: LogSettings = LogSettings()
    images: ImageGCSettings = ImageGCSettings()
    eviction: EvictionSettings = EvictionSettings()
