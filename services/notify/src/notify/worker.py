"""The threads that send: woken when messages are accepted, else looking for due ones every second."""

import threading
import time

import structlog
from servicekit.errors import DatabaseUnavailable

from notify.sending import Sending

# Also finds what other processes accepted and what has to be tried again.
POLL_SECONDS = 1.0

log = structlog.get_logger()


class Worker:
    """Runs rounds of sending on several threads, so that one slow call does not hold up all messages."""

    def __init__(self, sending: Sending, stopping: threading.Event, *, threads: int = 4) -> None:
        self._sending = sending
        self._stopping = stopping
        self._woken = threading.Condition()
        self._wakes = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"sender-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for due messages now."""
        with self._woken:
            self._wakes += 1
            self._woken.notify_all()

    def stop(self, grace: float) -> None:
        """Claim nothing more; let calls in flight end and their outcomes be recorded, within `grace` seconds."""
        self._stopping.set()
        self.wake()
        deadline = time.monotonic() + grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            seen = self._wakes
            if not self._round():
                self._wait(seen)

    def _wait(self, seen: int) -> None:
        """Wait for a wake after the `seen` ones, also for one that came while the round was running."""
        with self._woken:
            self._woken.wait_for(lambda: self._wakes != seen, timeout=POLL_SECONDS)

    def _round(self) -> bool:
        try:
            return self._sending.send_due()
        except DatabaseUnavailable as error:
            log.warning("sender_waits_for_database", detail=str(error))
        except Exception:  # the thread must outlive any fault: the next round may do better
            log.exception("sender_round_failed")
        return False
