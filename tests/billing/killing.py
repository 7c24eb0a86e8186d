"""Services that are killed while they work: a transaction ends at any of its statements, and nothing of it counts."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, event

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nobody in it has a chance to do anything about that."""


class Killing:
    """Kills, with a probability, at each statement and commit of what it carries out; `count`: how often it did."""

    def __init__(self, engine: Engine, dice: random.Random, probability: float) -> None:
        self._engine, self._dice, self._probability = engine, dice, probability
        self.count = 0

    def until_done(self, work: Callable[[], T], after_each: Callable[[], None] = lambda: None) -> T:
        """What `work` answers once it was left alone; it begins anew after each kill."""
        while True:
            try:
                with self._armed():
                    return work()
            except Killed:
                self.count += 1
                after_each()

    @contextmanager
    def _armed(self) -> Iterator[None]:
        def kill(*_: Any) -> None:
            if self._dice.random() < self._probability:
                raise Killed

        for name in ("before_cursor_execute", "commit"):
            event.listen(self._engine, name, kill)
        try:
            yield
        finally:
            for name in ("before_cursor_execute", "commit"):
                event.remove(self._engine, name, kill)
