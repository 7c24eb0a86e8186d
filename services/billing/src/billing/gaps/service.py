"""Compares the balances that M-Pesa names with what came in. Computed whenever it is asked; writes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing import calendar
from billing.gaps import rules, store
from billing.gaps.rules import Gap

# By so much a gateway's clock may be behind M-Pesa's.
_CLOCKS = timedelta(hours=1)
# Younger payments are not looked at: one from before them may still be on its way.
SETTLED = timedelta(minutes=5)
_A_DAY = timedelta(days=1)


def list_gaps(
    engine: Engine, since: datetime | None, shortcode: str, skipped: int, limit: int, *, missing_only: bool
) -> Sequence[Gap]:
    """Gaps between payments that M-Pesa dates `since` then or later (None: a day ago), by shortcode and time; without
    the first `skipped` ones.

    Reads all payments since then: some 16 s for a million.
    """

    def work(connection: Connection) -> list[Gap]:
        now = current_time(connection)
        start = since or now - _A_DAY
        points = store.read(connection, start - _CLOCKS, _written(start), _written(now - SETTLED), shortcode)
        found = (one for one in rules.find(points) if one.cents > 0 or not missing_only)
        return list(islice(found, skipped, skipped + limit))

    return transact(engine, work)


def _written(moment: datetime) -> str:
    """As M-Pesa writes it."""
    return f"{moment.astimezone(calendar.NAIROBI):%Y%m%d%H%M%S}"
