"""The thread that sends: it records calls that have ended, claims what is due, and starts a thread for each call.

A module of its own because it is about threads and time alone; `service` has the steps. What is claimed is handed over
at once, so whatever is SENDING is under way.
"""

import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

import structlog
from servicekit.rpc.errors import Unavailable

from notify.messages.store import DueMessage
from notify.sending.service import CALL_SIZE, MAX_ABANDONED, EndedCall, Sending, calls_of, unanswered

# Also finds what other processes accepted and what has to be tried again.
POLL_SECONDS = 1.0
# Between two rounds: what comes or ends meanwhile shares the transactions of the next, and messages share calls. What
# comes after a rest does not wait, nor does a round that can use half of the calls because more wait to be sent.
ROUND_SECONDS = 0.05

log = structlog.get_logger()


class _Call:
    """A call to the provider that is under way since `began`, on the clock of time.monotonic."""

    def __init__(self, messages: Sequence[DueMessage]) -> None:
        self.messages = messages
        self.began = time.monotonic()


class Sender:
    """Sends in several calls side by side, so that one slow call does not hold up all messages."""

    def __init__(self, sending: Sending, stopping: threading.Event, *, calls_at_once: int) -> None:
        self._sending = sending
        self._stopping = stopping
        self._calls_at_once = calls_at_once
        # What a call came to, with the call; None when there is something else to look for.
        self._events: SimpleQueue[tuple[_Call, EndedCall] | None] = SimpleQueue()
        self._under_way: set[_Call] = set()
        self._woken = True
        self._backlog = False  # the last claim took as many as it might
        self._claimed_at = self._settled_at = self._round_ended_at = -POLL_SECONDS
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """There are new messages to send."""
        self._events.put(None)

    def stop(self, grace: float) -> None:
        """Claim nothing more; let calls in flight end and their outcomes be recorded, within `grace` seconds."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():  # it is not where the database never let it start
            self._thread.join(grace)

    def _run(self) -> None:
        while self._under_way or not self._stopping.is_set():
            try:
                self._do_round()
            except Unavailable as error:
                log.warning("sender_waits_for_database", detail=str(error))
                self._stopping.wait(POLL_SECONDS)
            except Exception:  # the thread must outlive any fault: the next round may do better
                log.exception("sender_round_failed")
                self._stopping.wait(POLL_SECONDS)

    def _do_round(self) -> None:
        ended = self._wait()
        if ended:
            self._sending.record(ended)
        if not self._stopping.is_set():
            self._settle_sometimes()
            self._claim()
        self._round_ended_at = time.monotonic()

    def _wait(self) -> list[EndedCall]:
        """Wait until a round is worth it; answers the calls that have ended."""
        ended: list[EndedCall] = []
        poll_at = time.monotonic() + POLL_SECONDS
        begun = self._backlog and self._room() > 0
        while True:
            begins_at = self._begins_at() if begun else poll_at
            try:
                event = self._events.get(timeout=max(0.0, begins_at - time.monotonic()))
            except Empty:
                return ended + self._given_up()
            begun = True
            if event is None:
                self._woken = True
            else:
                self._under_way.discard(event[0])
                ended.append(event[1])

    def _begins_at(self) -> float:
        """When the next round may begin; long ago if it need not wait."""
        half_free = self._room() >= self._calls_at_once / 2
        if self._stopping.is_set() or (self._backlog and half_free):
            return 0.0
        return self._round_ended_at + ROUND_SECONDS

    def _given_up(self) -> list[EndedCall]:
        """Calls that are late; what comes of one after all is recorded if it is certain."""
        late = [call for call in self._under_way if time.monotonic() - call.began > self._sending.call_seconds]
        self._under_way.difference_update(late)
        return [unanswered(call.messages, "no answer in time") for call in late]

    def _room(self) -> int:
        return self._calls_at_once - len(self._under_way)

    def _settle_sometimes(self) -> None:
        # Seldom, and apart from the claims: only a process that died leaves something to find.
        now = time.monotonic()
        if now - self._settled_at >= POLL_SECONDS and self._sending.settle_abandoned() < MAX_ABANDONED:
            self._settled_at = now

    def _claim(self) -> None:
        room = self._room() * CALL_SIZE
        polled = time.monotonic() - self._claimed_at >= POLL_SECONDS
        if not room or not (self._woken or self._backlog or polled):
            return
        claim = self._sending.claim(room)
        self._claimed_at = time.monotonic()
        self._woken = False
        self._backlog = len(claim) == room
        for messages in calls_of(claim.messages):
            self._start(_Call(messages))

    def _start(self, call: _Call) -> None:
        self._under_way.add(call)
        threading.Thread(target=self._make, args=(call,), name="call", daemon=True).start()

    def _make(self, call: _Call) -> None:
        self._events.put((call, self._sending.call(call.messages)))
