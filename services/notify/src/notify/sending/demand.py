"""When a claim is worth its transaction, and when new messages need none: how many messages are known to wait, and for
how many calls there is room.
"""

import threading
import time

from notify.sending.service import CALL_SIZE

# Also finds what other processes accepted and what has to be tried again.
POLL_SECONDS = 1.0
# The pause between two claims under load: a claim, a call and a record cost much the same for one message as for
# twenty. Short enough that nobody who waits for an SMS notices; a message that comes after a rest does not wait at all.
GATHERING_SECONDS = 0.1
# How long those who bring many messages wait for calls to end, because a message that is claimed as it is stored costs
# a third less than one that is stored, found and claimed. Short, for a provider may be slow or gone.
PATIENCE_SECONDS = 0.2


class Demand:
    """Kept by those who accept messages and those who make calls; asked by the one who claims."""

    def __init__(self, calls_at_once: int, stopping: threading.Event) -> None:
        self._room = calls_at_once
        self._half = calls_at_once // 2
        self._stopping = stopping
        self._waiting = 0  # messages known to have become due since the last claim
        self._claimed_at = -POLL_SECONDS
        lock = threading.Lock()
        self._changed = threading.Condition(lock)  # for the one who claims
        self._freed = threading.Condition(lock)  # for those who bring messages

    def take(self, calls: int) -> int:
        """Reserve room for new messages that fill so many calls; 0: they must wait for a claim."""
        until = time.monotonic() + PATIENCE_SECONDS
        with self._changed:
            if calls == 1 and self._gathering_left() > 0:
                return 0
            while self._room < min(calls, self._half) and not self._must_queue():
                if not self._freed.wait(until - time.monotonic()):
                    break
            return 0 if self._must_queue() else self._reserve(min(calls, self._room))

    def accepted(self, messages: int) -> None:
        """So many new messages are due now, and wait for a claim."""
        with self._changed:
            before, self._waiting = self._waiting, self._waiting + messages
            if messages and (
                not before or before < self._half * CALL_SIZE <= self._waiting
            ):  # else the claimer has no reason to look again
                self._changed.notify()

    def give_back(self, calls: int) -> None:
        """So many calls have ended, or are not needed after all."""
        with self._changed:
            self._room += calls
            if self._waiting:
                self._changed.notify()
            if self._room >= self._half:
                self._freed.notify()

    def stop(self) -> None:
        """Let everybody who waits go on."""
        with self._changed:
            self._changed.notify()
            self._freed.notify_all()

    def room(self) -> int:
        """Wait until a claim is worth it; reserves room for as many calls. 0: not yet, after POLL_SECONDS or a stop."""
        until = time.monotonic() + POLL_SECONDS
        with self._changed:
            while (pause := self._pause()) > 0:
                left = until - time.monotonic()
                if left <= 0 or self._stopping.is_set():
                    return 0
                self._changed.wait(min(pause, left))
            self._waiting = 0
            return self._reserve(self._room)

    def claimed(self, *, more: bool) -> None:
        """A claim is made; `more`: it took all it might, so as many messages are likely to wait yet."""
        with self._changed:
            self._waiting += self._half * CALL_SIZE if more else 0

    def _must_queue(self) -> bool:
        # What has waited longer goes first; a few messages that wait to share a call are no queue.
        return self._waiting >= self._half * CALL_SIZE or self._stopping.is_set()

    def _reserve(self, calls: int) -> int:
        self._room -= calls
        self._claimed_at = time.monotonic()
        return calls

    def _pause(self) -> float:
        """How long the next claim should wait yet, in seconds."""
        if not self._room:
            return POLL_SECONDS
        # Of calls that began together one ends first: its room alone is not worth a claim while the others end too.
        if self._room >= self._half and self._waiting >= self._half * CALL_SIZE:
            return 0
        return self._gathering_left() if self._waiting else self._claimed_at + POLL_SECONDS - time.monotonic()

    def _gathering_left(self) -> float:
        return self._claimed_at + GATHERING_SECONDS - time.monotonic()
