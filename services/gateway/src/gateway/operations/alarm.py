"""Tells the admins by SMS when payments have to wait, and when that is over: no shilling is held in silence.

Speaks to notify directly, because billing may be what is away. notify knows a message by its id, which is the
incident's: sent again, or by the next process, it is the same message.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from servicekit.backoff import Backoff
from servicekit.rpc.errors import InvalidArgument, ServiceError

from gateway.clients.notify import Notify, OutgoingMessage
from gateway.spool.breaker import CircuitBreaker
from gateway.spool.rules import Trouble, why_rejected, why_waiting
from gateway.spool.service import Spool
from gateway.waiting import wait_for

log = structlog.get_logger()

_NAIROBI = ZoneInfo("Africa/Nairobi")
# While notify is down as well; older ones are dropped.
_MAX_PENDING = 100


@dataclass(frozen=True)
class AlarmPace:
    """In seconds: `patience` before the admins hear of what may pass by itself, and before it counts as over; `poll`
    between two looks; pauses while notify does not take messages, doubled from `poll` to `max_pause`.
    """

    patience: float = 30.0
    poll: float = 1.0
    max_pause: float = 60.0
    deadline: float = 5.0


@dataclass(frozen=True)
class Notice:
    """What the admins are to hear of an incident; `since`: when the first of these callbacks came."""

    template: str
    since: datetime
    trouble: Trouble


class Incident:
    """One kind of trouble, from the first look that finds it until it has been gone for the patience.

    `begun` and `over`: the templates of what the admins hear, once each; "" for nothing.
    """

    def __init__(self, begun: str, over: str, patience: float) -> None:
        self._begun = begun
        self._over = over
        self._patience = timedelta(seconds=patience)
        self._notice: Notice | None = None
        self._told = False
        self._seen_at = self._gone_at = datetime.min.replace(tzinfo=UTC)

    def look(self, trouble: Trouble | None, since: datetime, now: datetime) -> Notice | None:
        """Take note of what was found; what the admins must hear now."""
        return self._continue(trouble, since, now) if trouble else self._end(now)

    def _continue(self, trouble: Trouble, since: datetime, now: datetime) -> Notice | None:
        if self._notice is None:
            self._seen_at = now
        self._gone_at = now
        if self._told and self._notice:
            since = self._notice.since
        self._notice = Notice(self._begun, since, trouble)
        if self._told or not (trouble.lasting or now - self._seen_at >= self._patience):
            return None
        self._told = True
        return self._notice

    def _end(self, now: datetime) -> Notice | None:
        if self._notice is None or now - self._gone_at < self._patience:
            return None
        last = replace(self._notice, template=self._over) if self._told and self._over else None
        self._notice, self._told = None, False
        return last


class Alarm:
    """Looks until it is stopped. `host` names this gateway, `phones` are the admins'."""

    def __init__(
        self,
        spool: Spool,
        breaker: CircuitBreaker,
        notify: Notify,
        phones: Sequence[str],
        host: str,
        pace: AlarmPace,
    ) -> None:
        self._spool = spool
        self._breaker = breaker
        self._notify = notify
        self._phones = phones
        self._host = host
        self._pace = pace
        self._waiting = Incident("payments_waiting", "payments_waiting_over", pace.patience)
        self._rejected = Incident("callbacks_rejected", "", pace.patience)
        self._pending: deque[OutgoingMessage] = deque(maxlen=_MAX_PENDING)
        self._backoff = Backoff(pace.poll, pace.max_pause)
        self._next_attempt = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Look, and tell, until `stopping` is set."""
        while not stopping.is_set():
            self._look(datetime.now(UTC))
            await self._send()
            await wait_for(stopping, self._pace.poll)

    def _look(self, now: datetime) -> None:
        state = self._spool.state
        found = (
            self._waiting.look(why_waiting(state, self._breaker.cause), state.oldest or now, now),
            self._rejected.look(why_rejected(state), now, now),
        )
        for notice in filter(None, found):
            trouble, since = notice.trouble, notice.since.isoformat(timespec="seconds")
            log.error("admins_told", of=notice.template, cause=trouble.cause, count=trouble.count, since=since)
            self._pending.extend(_message(notice, self._host, phone) for phone in self._phones)

    async def _send(self) -> None:
        """Hand over what is pending; what notify does not take now it is given again later."""
        if not self._pending or time.monotonic() < self._next_attempt:
            return
        messages = list(self._pending)
        try:
            await self._notify.send(messages)
        except ServiceError as error:
            log.warning("alarm_not_sent", messages=len(messages), reason=error.reason)
            self._next_attempt = time.monotonic() + self._backoff.failed()
            if not isinstance(error, InvalidArgument):
                return
        else:
            self._backoff.succeeded()
        self._pending.clear()


def _message(notice: Notice, host: str, phone: str) -> OutgoingMessage:
    facts = {
        "host": host,
        "cause": notice.trouble.cause,
        "count": str(notice.trouble.count),
        "since": f"{notice.since.astimezone(_NAIROBI):%Y-%m-%d %H:%M}",
    }
    return OutgoingMessage(
        message_id=f"{notice.template}:{host[:30]}:{notice.since:%Y%m%dT%H%M%S.%f}:{phone[:20]}",
        phone=phone,
        template=notice.template,
        facts=facts,
        subject=notice.template,
    )
