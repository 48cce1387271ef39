"""Settings of logs, images and eviction, as the kubelet's flags and its file give them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

from podstead.cli.durations import parse_duration
from podstead.cli.options import UsageError
from podstead.config.upkeep import (
    HARD_THRESHOLDS,
    Amount,
    EvictionSettings,
    ImageGCSettings,
    LogSettings,
    Threshold,
    UpkeepSettings,
)
from podstead.errors import OperatorError
from podstead.k8s import quantity
from podstead.k8s.signals import KNOWN_ELSEWHERE, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from podstead.cli.config_reader import Section
    from podstead.cli.flag_values import FlagValues

Value = TypeVar("Value")

LEAST_FILES = 2
"""The one being written and one that was: with fewer nothing could be rotated."""
WHOLE_PERCENT = 100
LEAST_LOOK_SECONDS = 3.0
"""The kubelet's bound of containerLogMonitorInterval."""
FLAGS = {
    "container-log-max-size": "size at which a container's log is rotated (10Mi)",
    "container-log-max-files": "files kept of a container's log (5)",
    "image-gc-high-threshold": "percent of disk use above which unused images are removed (85)",
    "image-gc-low-threshold": "percent of disk use down to which they are removed (80)",
    "minimum-image-ttl-duration": "age below which no image is removed (2m)",
    "eviction-hard": "what must be left: memory.available<100Mi,nodefs.available<10%,…",
    "eviction-soft": "what must be left, with a grace period",
    "eviction-soft-grace-period": "grace periods of eviction-soft: memory.available=1m30s,…",
    "eviction-minimum-reclaim": "what must be left beyond a threshold that was met: memory.available=0Mi,…",
    "eviction-max-pod-grace-period": "longest grace in seconds of a pod that goes by a soft threshold (0)",
    "eviction-pressure-transition-period": "how long all must be well before pods come back (5m)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepFields:
    """What one place says; None: not given. Times are seconds; an Amount of None is a threshold that is turned off."""

    log_bytes: int | None = None
    log_files: int | None = None
    log_look: float | None = None
    image_high: int | None = None
    image_low: int | None = None
    image_min_age: float | None = None
    image_max_age: float | None = None
    hard: Mapping[str, Amount | None] | None = None
    soft: Mapping[str, Amount | None] | None = None
    soft_grace: Mapping[str, float] | None = None
    reclaim: Mapping[str, Amount | None] | None = None
    max_grace: int | None = None
    transition: float | None = None
    merge: bool | None = None

    def over(self, other: UpkeepFields) -> UpkeepFields:
        """Return these values, and the other's where there is none."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return UpkeepFields(**{name: one if one is not None else two for name, (one, two) in pairs.items()})


NOTHING_GIVEN = UpkeepFields()


def read_upkeep(root: Section) -> UpkeepFields:
    """Return what a KubeletConfiguration says; problems are reported there."""
    look = root.duration("containerLogMonitorInterval")
    if look is not None and look < LEAST_LOOK_SECONDS:
        root.refuse("containerLogMonitorInterval", f"must be at least {LEAST_LOOK_SECONDS:.0f}s")
    return UpkeepFields(
        log_bytes=read_bytes(root, "containerLogMaxSize"),
        log_files=root.integer("containerLogMaxFiles", LEAST_FILES),
        log_look=look,
        image_high=root.integer("imageGCHighThresholdPercent", 0),
        image_low=root.integer("imageGCLowThresholdPercent", 0),
        image_min_age=root.duration("imageMinimumGCAge"),
        image_max_age=root.duration("imageMaximumGCAge"),
        hard=_read_map(root.section("evictionHard"), _amount),
        soft=_read_map(root.section("evictionSoft"), _amount),
        soft_grace=_read_map(root.section("evictionSoftGracePeriod"), _seconds),
        reclaim=_read_map(root.section("evictionMinimumReclaim"), _amount),
        max_grace=root.integer("evictionMaxPodGracePeriod", 0),
        transition=root.duration("evictionPressureTransitionPeriod"),
        merge=root.boolean("mergeDefaultEvictionSettings"),
    )


def read_bytes(section: Section, name: str) -> int | None:
    """Return a quantity of bytes; what is not more than nothing turns its setting off, and is 0."""
    text = section.checked(name, quantity.problem)
    return None if text is None or quantity.problem(text) else max(0, quantity.value(text))


def flagged_upkeep(given: FlagValues) -> UpkeepFields:
    """Return what the flags say; raises UsageError."""
    size = given.checked("container-log-max-size", quantity.problem)
    return UpkeepFields(
        log_bytes=max(0, quantity.value(size)) if size else None,
        log_files=given.integer("container-log-max-files", LEAST_FILES),
        image_high=given.integer("image-gc-high-threshold", 0),
        image_low=given.integer("image-gc-low-threshold", 0),
        image_min_age=given.seconds("minimum-image-ttl-duration"),
        hard=_flagged_map(given, "eviction-hard", "<", _amount),
        soft=_flagged_map(given, "eviction-soft", "<", _amount),
        soft_grace=_flagged_map(given, "eviction-soft-grace-period", "=", _seconds),
        reclaim=_flagged_map(given, "eviction-minimum-reclaim", "=", _amount),
        max_grace=given.integer("eviction-max-pod-grace-period", 0),
        transition=given.seconds("eviction-pressure-transition-period"),
    )


def upkeep_settings(found: UpkeepFields) -> UpkeepSettings:
    """Return the settings; raises OperatorError for values that do not go together."""
    logs, images, eviction = LogSettings(), ImageGCSettings(), EvictionSettings()
    high, low = _given(found.image_high, images.high_percent), _given(found.image_low, images.low_percent)
    if not low < high <= WHOLE_PERCENT:
        raise OperatorError(
            f"imageGCLowThresholdPercent ({low}) must be below imageGCHighThresholdPercent ({high}), and that at most 100"
        )
    youngest = _given(found.image_min_age, images.min_age_seconds)
    oldest = _given(found.image_max_age, images.max_age_seconds)
    if oldest and oldest <= youngest:
        raise OperatorError("imageMaximumGCAge must be longer than imageMinimumGCAge")
    return UpkeepSettings(
        logs=LogSettings(
            max_bytes=_given(found.log_bytes, logs.max_bytes),
            max_files=_given(found.log_files, logs.max_files),
            look_seconds=_given(found.log_look, logs.look_seconds),
        ),
        images=ImageGCSettings(high_percent=high, low_percent=low, min_age_seconds=youngest, max_age_seconds=oldest),
        eviction=EvictionSettings(
            thresholds=_thresholds(found),
            max_grace_seconds=_given(found.max_grace, eviction.max_grace_seconds),
            transition_seconds=_given(found.transition, eviction.transition_seconds),
        ),
    )


def _thresholds(found: UpkeepFields) -> tuple[Threshold, ...]:
    """Return all thresholds. What is given replaces every default, as in the kubelet, unless they are to be merged."""
    usual = {t.signal.value: t.amount for t in HARD_THRESHOLDS}
    hard: Mapping[str, Amount | None] = usual if found.hard is None else found.hard
    if found.merge and found.hard is not None:
        hard = {**usual, **found.hard}
    reclaim, grace = found.reclaim or {}, found.soft_grace or {}
    out = []
    for texts, is_soft in ((hard, False), (found.soft or {}, True)):
        for signal, amount in texts.items():
            if amount is None or signal in KNOWN_ELSEWHERE:
                continue
            if is_soft and not grace.get(signal):
                raise OperatorError(f"evictionSoft of {signal} needs a grace period: set evictionSoftGracePeriod of it")
            out.append(
                Threshold(
                    signal=Signal(signal),
                    amount=amount,
                    grace_seconds=grace[signal] if is_soft else 0.0,
                    reclaim=reclaim.get(signal) or Amount(),
                )
            )
    return tuple(out)


def _read_map(section: Section | None, read: Callable[[str], Value]) -> dict[str, Value] | None:
    if section is None:
        return None
    found = {}
    for signal in section.given():
        text = section.string(signal)
        if text is None:
            continue
        try:
            _check_signal(signal)
            found[signal] = read(text)
        except ValueError as error:
            section.refuse(signal, str(error))
    return found


def _flagged_map(given: FlagValues, name: str, between: str, read: Callable[[str], Value]) -> dict[str, Value] | None:
    if given.maybe(name) is None:
        return None
    found = {}
    for word in given.words(name):
        signal, separator, text = (part.strip() for part in word.partition(between))
        try:
            if not separator:
                raise ValueError(f"takes SIGNAL{between}VALUE, separated by commas")  # noqa: TRY301 - as the reads below
            _check_signal(signal)
            found[signal] = read(text)
        except ValueError as error:
            raise UsageError(f"--{name} {error}, got {word!r}") from None
    return found


def _check_signal(name: str) -> None:
    if name not in KNOWN_ELSEWHERE and name not in set(Signal):
        raise ValueError(f"knows the signals {', '.join(Signal)}")


def _amount(text: str) -> Amount | None:
    """Return an amount; None for 0% and 100%, by which the kubelet turns a threshold off."""
    if text.endswith("%"):
        number = text.removesuffix("%")
        try:
            percent = float(number)
        except ValueError:
            raise ValueError("must be a percentage such as 10%, or a quantity such as 100Mi") from None
        if not 0 <= percent <= WHOLE_PERCENT:
            raise ValueError("must be between 0% and 100%")
        return Amount(fraction=percent / WHOLE_PERCENT) if 0 < percent < WHOLE_PERCENT else None
    if (problem := quantity.problem(text)) is not None:
        raise ValueError(problem)
    if (number_of := quantity.value(text)) < 0:
        raise ValueError("must not be less than nothing")
    return Amount(number=number_of)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text, "it")
    except OperatorError:
        raise ValueError("must be a duration such as 1m30s") from None


def _given(value: Value | None, usual: Value) -> Value:
    return usual if value is None else value
