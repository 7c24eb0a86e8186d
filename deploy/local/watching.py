"""Starts again what dies, as compose or Kubernetes would, and waits longer each time that it does not stay up."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.local.processes import Process

# Who was up for so long, in seconds, is started again at once.
STEADY = 60.0
MAX_PAUSE = 60.0


@dataclass
class _Record:
    started: float
    deaths: int = 0
    due: float | None = None


class Watch:
    """Looks after some processes; `now`: the clock, in seconds."""

    def __init__(self, processes: Iterable[Process], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._records = [(process, _Record(now())) for process in processes]

    def look(self) -> None:
        """Start what has died and whose pause is over."""
        for process, record in self._records:
            if process.is_running():
                continue
            if record.due is None:
                self._plan(process, record)
            if record.due is not None and self._now() >= record.due:
                record.started, record.due = self._now(), None
                process.start()

    def _plan(self, process: Process, record: _Record) -> None:
        """Say that it died, why, and when it is started again: at once, then after 1 s, 2 s, 4 s and so on."""
        record.deaths = 0 if self._now() - record.started >= STEADY else record.deaths + 1
        pause = min(2.0 ** (record.deaths - 2), MAX_PAUSE) if record.deaths > 1 else 0.0
        record.due = self._now() + pause
        again = f"again in {pause:.0f} s" if pause else "again"
        print(f"rejesha: {process.name} ended with {process.exit_code()}; starting it {again}", file=sys.stderr)
        if record.deaths > 1:
            print(f"rejesha: its last words: {process.last_lines(1)}", file=sys.stderr, flush=True)
