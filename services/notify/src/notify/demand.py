"""When a claim is worth its transaction: how many messages are known to wait, and for how many calls there is room."""

import threading
import time

from notify.sending import CALL_SIZE

# Also finds what other processes accepted and what has to be tried again.
POLL_SECONDS = 1.0
# The pause between two claims under load: a claim, a call and a record cost much the same for one message as for
# twenty. Short enough that nobody who waits for an SMS notices; a message that comes after a rest does not wait at all.
GATHERING_SECONDS = 0.1


class Demand:
    """Kept by those who accept messages and those who make calls; asked by the one who claims."""

    def __init__(self, calls_at_once: int, stopping: threading.Event) -> None:
        self._room = calls_at_once
        self._half = calls_at_once // 2
        self._stopping = stopping
        self._waiting = 0  # messages known to have become due since the last claim
        self._claimed_at = -POLL_SECONDS
        self._changed = threading.Condition()

    def accepted(self, messages: int) -> None:
        """So many new messages are due now."""
        with self._changed:
            before, self._waiting = self._waiting, self._waiting + messages
            if (
                not before or before < self._half * CALL_SIZE <= self._waiting
            ):  # else the claimer has no reason to look again
                self._changed.notify()

    def call_ended(self) -> None:
        """There is room for one call more."""
        with self._changed:
            self._room += 1
            if self._waiting:
                self._changed.notify()

    def stop(self) -> None:
        """Let `room` answer at once."""
        with self._changed:
            self._changed.notify()

    def room(self) -> int:
        """Wait until a claim is worth it; answers for how many calls. 0: not yet, after POLL_SECONDS or a stop."""
        until = time.monotonic() + POLL_SECONDS
        with self._changed:
            while (pause := self._pause()) > 0:
                left = until - time.monotonic()
                if left <= 0 or self._stopping.is_set():
                    return 0
                self._changed.wait(min(pause, left))
            self._waiting, self._claimed_at = 0, time.monotonic()
            return self._room

    def claimed(self, calls: int, *, more: bool) -> None:
        """So many calls begin; `more`: the claim took all it might, so as many messages are likely to wait yet."""
        with self._changed:
            self._room -= calls
            self._waiting += self._half * CALL_SIZE if more else 0

    def _pause(self) -> float:
        """How long the next claim should wait yet, in seconds."""
        if not self._room:
            return POLL_SECONDS
        # Of calls that began together one ends first: its room alone is not worth a claim while the others end too.
        if self._room >= self._half and self._waiting >= self._half * CALL_SIZE:
            return 0
        return self._claimed_at + (GATHERING_SECONDS if self._waiting else POLL_SECONDS) - time.monotonic()
