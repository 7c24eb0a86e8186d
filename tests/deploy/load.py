"""Payments through the published port, all the time."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.deploy.running import Installation, new_id

REFERENCES = ("0949AQ", "0950AR", "0951AS", "ACC001", "SMS001")
# The proxy lets one stranger have ten connections.
AT_ONCE = 6


@dataclass
class Load:
    """What came of it: the TransIDs answered 200, how often each status and outcome, the longest wait (s)."""

    accepted: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def pay(self, installation: Installation, reference: str) -> None:
        """One payment; what was not answered at all counts as its error's name."""
        trans_id, began = new_id(), time.monotonic()
        try:
            answer = installation.pay(reference, trans_id)
        except httpx.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code == httpx.codes.OK:
            self.accepted.append(trans_id)
            self.outcomes[answer.json()["processingResult"]["outcome"]] += 1


@contextmanager
def load(installation: Installation) -> Iterator[Load]:
    """Payments until the block ends, about fifty a second where the machine can."""
    stop, found = threading.Event(), Load()

    def pay(number: int) -> None:
        while not stop.is_set():
            found.pay(installation, REFERENCES[number % len(REFERENCES)])
            time.sleep(0.1)  # a pace, not a wait

    with ThreadPoolExecutor() as threads:
        payers = [threads.submit(pay, number) for number in range(AT_ONCE)]
        try:
            yield found
        finally:
            stop.set()
    for payer in payers:
        payer.result()
