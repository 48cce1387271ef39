"""Alarms and checkpoints to a webhook that speaks Alertmanager's format, again and again until it takes them.

The receiver may be slow, away or hostile: an exchange has a deadline, its answer a bound, the queue one as well, and the
thread is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podstead.audit.alerts import Alert, alert_of, alert_of_checkpoint, body_of_alerts
from podstead.audit.patience import Patience
from podstead.threads import PathThreads, StuckError

if TYPE_CHECKING:
    import http.client
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
WRONG = frozenset({400, 413, 422})
CLOSE_SECONDS = 3.0
MAX_TOKEN_BYTES = 16 << 10


class WebhookError(Exception):
    """An exchange came to nothing; `wrong` is True when the receiver does not want these very alerts."""

    def __init__(self, why: str, *, wrong: bool = False) -> None:
        super().__init__(why)
        self.wrong = wrong


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
        self._exchange: Exchange | None = None

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
            except WebhookError as error:
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
        """Post once. Raises WebhookError."""
        exchange = Exchange(self._settings)
        try:
            await self._threads.run("webhook", lambda: exchange.post(body), self._settings.timeout_seconds)
        except OSError as error:
            exchange.abort()
            where = urlsplit(self._settings.url)
            late = isinstance(error, TimeoutError | StuckError)
            why = "no answer in time" if late else error.strerror or str(error)
            raise WebhookError(f"{where.hostname}: {why}") from error


class Exchange:
    """One request and its answer; blocking, but for `abort`."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> None:
        """Post a body. Raises OSError and WebhookError."""
        # Here and not at the top: 2 MiB of memory, and TLS another 4, that only a node with a webhook needs.
        import http.client  # noqa: PLC0415 - see above

        where = urlsplit(self._settings.url)
        seconds = self._settings.timeout_seconds
        if where.scheme == "https":
            import ssl  # noqa: PLC0415 - see above

            ca = self._settings.ca_file
            context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
            self._connection = http.client.HTTPSConnection(
                where.hostname or "", where.port, timeout=seconds, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=seconds)
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        try:
            self._connection.request("POST", path, body=body, headers=self._headers())
            status = self._connection.getresponse().status  # what else it says is of no use, and not read
        except OSError:
            raise  # a certificate's error is a ValueError as well
        except (http.client.HTTPException, ValueError) as error:
            raise WebhookError(f"{where.hostname} does not speak HTTP as it should: {type(error).__name__}") from error
        finally:
            self._connection.close()
        if not 200 <= status < 300:
            raise WebhookError(f"{where.hostname} answers {status}", wrong=status in WRONG)

    def abort(self) -> None:
        """End an exchange that takes too long, from another thread."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(2)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "podstead", "Connection": "close"}
        if (file := self._settings.token_file) is not None:  # read each time: tokens are renewed in place
            with file.open("rb") as stream:
                token = stream.read(MAX_TOKEN_BYTES).decode("latin-1").strip()
            headers["Authorization"] = f"Bearer {token}"
        return headers
