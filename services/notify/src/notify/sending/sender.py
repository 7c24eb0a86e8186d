"""The threads that send: one claims, several call the provider, one records what came of the calls.

Owns which thread does what; `sending` has the steps, `demand` says when to claim. What is claimed, or stored as
SENDING, is handed over at once, so whatever is SENDING is under way; calls that end while one record is being written
are written together by the next.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import structlog
from servicekit.errors import DatabaseUnavailable

from notify.sending.demand import POLL_SECONDS, Demand
from notify.sending.outbox import Claimed
from notify.sending.service import (
    ABANDONED_AT_ONCE,
    CALL_SIZE,
    EndedCall,
    Sending,
    calls_needed,
    calls_of,
    never_called,
)

# The claimer and the recorder; a call does without the database.
DATABASE_THREADS = 2

log = structlog.get_logger()


class Worker:
    """An Outbox. Sends in several calls side by side, so that one slow call does not hold up all messages."""

    def __init__(self, sending: Sending, stopping: threading.Event, *, calls_at_once: int) -> None:
        self._sending = sending
        self._stopping = stopping
        self._demand = Demand(calls_at_once, stopping)
        self._settled_at = -POLL_SECONDS
        self.claim = sending.lease
        self._claimed: SimpleQueue[Sequence[Claimed] | None] = SimpleQueue()
        self._ended: SimpleQueue[EndedCall | None] = SimpleQueue()
        self._claimer = _thread("claimer", self._claim)
        self._callers = [_thread(f"caller-{number}", self._call) for number in range(calls_at_once)]
        self._recorder = _thread("recorder", self._record)

    def start(self) -> None:
        """Begin to send."""
        for thread in (self._recorder, *self._callers, self._claimer):
            thread.start()

    def take(self, messages: int) -> int:
        """For how many of so many new messages callers are free; they stay free until `begin`. May wait a moment."""
        return self._demand.take(calls_needed(messages)) * CALL_SIZE

    def begin(self, messages: Sequence[Claimed], taken: int) -> None:
        """Send messages that are SENDING from the beginning, instead of the `taken` ones that were foreseen."""
        self._call_all(messages, reserved=calls_needed(taken))

    def unsure(self, messages: Sequence[Claimed]) -> None:
        """Let messages wait for a claim that are SENDING, if they are there at all, without a call under way."""
        if messages:
            self._ended.put(never_called(messages))

    def queued(self, messages: int) -> None:
        """So many new messages are QUEUED and due."""
        self._demand.accepted(messages)

    def stop(self, grace: float) -> None:
        """Claim nothing more; let calls in flight end and their outcomes be recorded, within `grace` seconds."""
        deadline = time.monotonic() + grace
        self._stopping.set()
        self._demand.stop()
        _join([self._claimer], deadline)
        for _ in self._callers:
            self._claimed.put(None)
        _join(self._callers, deadline)
        self._ended.put(None)
        _join([self._recorder], deadline)

    def _claim(self) -> None:
        while not self._stopping.is_set():
            try:
                self._settle_sometimes()
                self._claim_once()
            except DatabaseUnavailable as error:
                log.warning("sender_waits_for_database", detail=str(error))
                self._stopping.wait(POLL_SECONDS)
            except Exception:  # the thread must outlive any fault: the next round may do better
                log.exception("sender_round_failed")
                self._stopping.wait(POLL_SECONDS)

    def _settle_sometimes(self) -> None:
        # Seldom, and apart from the claims: only a process that died leaves something to find.
        now = time.monotonic()
        if now - self._settled_at >= POLL_SECONDS and self._sending.settle_abandoned() < ABANDONED_AT_ONCE:
            self._settled_at = now

    def _claim_once(self) -> None:
        if not (room := self._demand.room()):
            return
        claimed: Sequence[Claimed] = []
        more = False
        try:
            claim = self._sending.claim(room * CALL_SIZE)
            claimed, more = claim.messages, len(claim) == room * CALL_SIZE
        finally:
            self._demand.claimed(more=more)
            self._call_all(claimed, reserved=room)

    def _call_all(self, messages: Sequence[Claimed], *, reserved: int) -> None:
        calls = list(calls_of(messages))
        for call in calls:
            self._claimed.put(call)
        self._demand.give_back(reserved - len(calls))

    def _call(self) -> None:
        while (messages := self._claimed.get()) is not None:
            self._ended.put(self._sending.call(messages))
            self._demand.give_back(1)

    def _record(self) -> None:
        while calls := self._take_ended():
            try:
                self._sending.record(calls)
            except Exception:  # likewise: later calls must be recorded
                log.exception("recording_failed")

    def _take_ended(self) -> list[EndedCall]:
        """All calls that have ended, at least one; none after the last."""
        calls: list[EndedCall] = []
        while not calls or not self._ended.empty():
            if (call := self._ended.get()) is None:
                if calls:
                    self._ended.put(None)  # for the next time
                break
            calls.append(call)
        return calls


def _thread(name: str, run: Callable[[], None]) -> threading.Thread:
    return threading.Thread(target=run, name=name, daemon=True)


def _join(threads: Sequence[threading.Thread], deadline: float) -> None:
    for thread in threads:
        if thread.is_alive():  # none is where the database never let it start
            thread.join(max(0.0, deadline - time.monotonic()))
