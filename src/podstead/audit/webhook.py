"""Alarms and checkpoints to a webhook that speaks Alertmanager's format, again and again until it takes them.

The receiver may be slow, away or hostile: an exchange has a deadline, its answer a bound, the queue one as well, and the
thread is its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.audit.alerts import Alert, alert_of, alert_of_checkpoint, body_of_alerts
from podstead.audit.patience import Patience
from podstead.audit.undelivered import UndeliveredError
from podstead.threads import PathThreads, StuckError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podstead.audit.checkpoint import Checkpoint
    from podstead.audit.writer import Written
    from podstead.clock import Clock
    from podstead.config.security import WebhookSettings

MAX_WAITING = 500
"""Alerts that wait: half a MiB. Later ones are counted, as the first tell more."""
MAX_POSTED = 50
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 300.0
MAX_REFUSALS = 5
"""How often alerts that the receiver calls wrong are sent: then they are given up, for others wait behind them."""
CLOSE_SECONDS = 3.0


class WebhookSink:
    """Posts alerts in the order of their records."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings, node: str, clock: Clock) -> None:
        self._settings = settings
        self._node = node
        self._clock = clock
        self._patience = Patience(clock)
        self._waiting: deque[Alert] = deque()
        self._lost = 0
        self._threads = PathThreads(max_stuck=1)
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str:
        """Why nothing has arrived for long."""
        return self._patience.problem

    def take(self, records: Sequence[Written], checkpoint: Checkpoint) -> None:
        """Take alarms."""
        self._put(*(alert_of(record, self._node, checkpoint) for record in records if record.entry.is_alarm))

    def anchor(self, checkpoint: Checkpoint, at: float) -> None:
        """Take a checkpoint; one that waits still is replaced, as the later fixes more."""
        if self._waiting and self._waiting[-1].labels.get("severity") == "none":
            self._waiting.pop()
        self._put(alert_of_checkpoint(checkpoint, self._node, at))

    def take_lost(self) -> int:
        """Return how many alerts were given up."""
        lost, self._lost = self._lost, 0
        return lost

    async def close(self) -> None:
        """Send what can be sent within a moment."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task})

    def _put(self, *alerts: Alert) -> None:
        room = MAX_WAITING - len(self._waiting)
        self._waiting.extend(alerts[:room])
        self._lost += max(0, len(alerts) - room)
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send(), name="audit-webhook")

    async def _send(self) -> None:
        """Send until nothing waits."""
        wait, refusals = FIRST_WAIT_SECONDS, 0
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(len(self._waiting), MAX_POSTED))]
            try:
                await self._post(body_of_alerts(batch))
            except UndeliveredError as error:
                self._patience.failed(str(error))
                refusals += error.wrong
                if refusals >= MAX_REFUSALS:
                    refusals = 0
                    self._lost += len(batch)
                    self._forget(batch)
                await self._clock.sleep(wait)
                wait = min(wait * 2, LAST_WAIT_SECONDS)
            else:
                self._patience.worked()
                self._forget(batch)
                wait, refusals = FIRST_WAIT_SECONDS, 0

    def _forget(self, batch: Sequence[Alert]) -> None:
        for alert in batch:
            if self._waiting and self._waiting[0] is alert:  # a checkpoint may have been replaced meanwhile
                self._waiting.popleft()

    async def _post(self, body: bytes) -> None:
        """Post once. Raises UndeliveredError."""
        # Here and not at the top: HTTP and TLS are 6 MiB of memory that only a node with a webhook needs.
        from podstead.audit.exchange import Exchange  # noqa: PLC0415 - see above

        exchange = Exchange(self._settings)
        try:
            await self._threads.run("webhook", lambda: exchange.post(body), self._settings.timeout_seconds)
        except OSError as error:
            where = urlsplit(self._settings.url)
            late = isinstance(error, TimeoutError | StuckError)
            why = "no answer in time" if late else error.strerror or str(error)
            raise UndeliveredError(f"{where.hostname}: {why}") from error
        finally:
            exchange.abort()
