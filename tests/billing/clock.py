"""A database's clock that a test moves: leases, due dates and sweeps obey no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@contextmanager
def moved_clock(engine: sa.Engine) -> Iterator[Clock]:
    """The engine's clock, from now on, until the block ends."""
    clock = Clock()

    def of_sqlite(driver: Any, *_: Any) -> None:
        driver.create_function("strftime", -1, lambda _format, *_rest: f"{clock.now:%Y-%m-%d %H:%M:%S.%f}")

    def of_mysql(driver: Any, *_: Any) -> None:
        driver.query(f"SET timestamp = {clock.now.timestamp()}")

    def back_to_mysql(driver: Any, *_: Any) -> None:
        if driver:  # a connection that broke is gone
            driver.query("SET timestamp = DEFAULT")

    listeners = [("checkout", of_sqlite if engine.dialect.name == "sqlite" else of_mysql)]
    if engine.dialect.name != "sqlite":
        listeners.append(("checkin", back_to_mysql))
    engine.dispose()  # connections that are open know the true time
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield clock
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
        engine.dispose()
