"""The blows: SIGKILL at a named point or at random, and waiting until the victim is back."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.proxy import Moment, let_pass
from chaos.sender import Attempt
from chaos.stage import Stage
from deploy.local.processes import Process

AFTER_THE_ANSWER = "after the answer"
AT_RANDOM = "at random"
POINTS = (AT_RANDOM, Moment.INSERT, Moment.COMMIT, Moment.COMMITTED, AFTER_THE_ANSWER)

# A point that is not reached within this time, in seconds, under load, is a fault of the harness.
PATIENCE = 30


class PointNotReached(Exception):
    """The load never came to the point at which the blow was to fall."""


def kill_at(stage: Stage, victim: Process, point: str) -> None:
    """SIGKILL the victim when a payment is at the point, and wait until it is gone. Raises PointNotReached."""
    if point == AT_RANDOM:
        time.sleep(stage.dice.uniform(0.02, 0.5))
    else:
        blow = _on_answer if point == AFTER_THE_ANSWER else _on_packet
        with blow(stage, victim, point) as struck:
            if not struck.wait(PATIENCE):
                raise PointNotReached(f"no payment came to the point {point!r}")
    victim.kill()


@contextmanager
def _on_packet(stage: Stage, victim: Process, point: str) -> Iterator[threading.Event]:
    struck = threading.Event()

    def strike(moment: Moment) -> bool:
        if moment == point and not struck.is_set():
            os.kill(victim.pid, signal.SIGKILL)
            struck.set()
        # What billing was about to say dies with billing; another victim's death does not concern MySQL.
        return moment == point and victim.name == "billing"

    stage.proxy.trap = strike
    try:
        yield struck
    finally:
        stage.proxy.trap = let_pass


@contextmanager
def _on_answer(stage: Stage, victim: Process, _point: str) -> Iterator[threading.Event]:
    struck = threading.Event()

    def strike(attempt: Attempt) -> None:
        if attempt.is_acknowledged and not struck.is_set():
            os.kill(victim.pid, signal.SIGKILL)
            struck.set()

    stage.sender.on_answer = strike
    try:
        yield struck
    finally:
        stage.sender.on_answer = lambda _attempt: None


def bring_back(stage: Stage, victim: Process) -> float:
    """Start the victim again and wait until a payment sent since is acknowledged; seconds from start to answer."""
    began = time.monotonic()
    victim.start()
    victim.wait_ready()
    return wait_for_success(stage, began)


def wait_for_success(stage: Stage, began: float, seconds: float = 60) -> float:
    """Wait until a payment that was sent after `began` is recorded by billing; seconds from `began` to that answer."""
    deadline = began + seconds
    while time.monotonic() < deadline:
        for attempt in stage.sender.attempts[-2000:]:
            if attempt.sent_at > began and attempt.outcome not in {"", "spooled"} and attempt.answered_at:
                return attempt.answered_at - began
        time.sleep(0.02)
    raise PointNotReached(f"no payment was recorded within {seconds:.0f} s")
