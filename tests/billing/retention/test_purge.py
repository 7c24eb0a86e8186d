"""Old records are deleted beside the load, and money never."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.lookup import service as lookup
from billing.quarantine import service as quarantine
from billing.quarantine.rules import NewCallback
from billing.retention import service, store
from billing.retention.rules import RecordKind
from billing.schema import metadata, payment_debug_log, payment_deliveries, tasks
from billing.schema import quarantine as kept
from servicekit.retention import InvalidRetention

from tests.billing.desk import payment
from tests.billing.opening import open_desk

MONTH = timedelta(days=30)
PURGED = {payment_debug_log, payment_deliveries, tasks, kept}


def rows(desk):
    """How many each table has."""
    count = sa.func.count
    with desk.engine.connect() as connection:
        return {
            name: connection.execute(sa.select(count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def now(desk):
    with desk.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(payment_deliveries.c.receive_time))).scalar()


def purge(desk, before, bite=3):
    """All kinds, in bites; how many rows of each were deleted."""
    deleted = {}
    for kind in RecordKind:
        after_id, deleted[kind] = 0, 0
        while True:
            done = service.purge(desk.engine, kind, before, after_id, bite)
            deleted[kind] += done.deleted
            if not (after_id := done.last_id):
                break
    return deleted


def age(desk, by):
    """Make all that is on record older."""
    moments = [payment_debug_log.c.created_at, payment_deliveries.c.receive_time, kept.c.create_time]
    moments += [tasks.c.create_time, tasks.c.expire_time]
    for column in moments:
        for row in desk.rows(column.table):
            change = sa.update(column.table).where(column.table.c.id == row.id)
            desk.execute(change.values({column.name: getattr(row, column.name) - by}))


@pytest.fixture
def used(desk, dispatcher):
    desk.pay("OLD1", "0949AQ")
    desk.pay("OLDHELD", "HELLO")
    desk.pay("OLD2", "12BC")
    dispatcher.run()
    desk.pay("OLD3", "77XY", "500")  # its line stays to be switched on
    for key in ("a", "b"):
        quarantine.keep(desk.engine, desk.policy, [NewCallback(key, b"?", "no JSON")])
    quarantine.resolve(desk.engine, desk.rows(kept)[0].id, "", "junk")
    return desk


def test_what_is_old_and_done_with_goes_and_nothing_that_is_money(used):
    desk = used
    desk.check_books()
    age(desk, 3 * MONTH)
    desk.pay("NEW1", "0949AQ")
    before = rows(desk)
    is_open = sum(row.state == "open" for row in desk.rows(tasks))
    deleted = purge(desk, now(desk) - 2 * MONTH)
    assert all(deleted.values())
    after = rows(desk)
    untouched = {table.name for table in metadata.tables.values() if table not in PURGED}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert {one.transaction_id for one in desk.rows(payment_debug_log)} == {"NEW1"}
    assert {one.trans_id for one in desk.rows(payment_deliveries)} == {"NEW1"}
    assert sum(row.state == "open" for row in desk.rows(tasks)) == is_open
    assert [row.state for row in desk.rows(kept)] == ["open"]
    desk.check_books()
    # A callback that comes again is known, and what is held can still be placed.
    assert desk.pay("OLD1", "0949AQ").repeated
    desk.assign("OLDHELD", "ACC001")
    assert not lookup.get_payment(desk.engine, "OLD1").entries
    desk.check_books()


def test_what_is_young_stays_and_what_is_younger_than_a_week_may_not_be_named(used):
    before = rows(used)
    assert not any(purge(used, now(used) - MONTH).values())
    assert rows(used) == before
    with pytest.raises(InvalidRetention):
        service.purge(used.engine, RecordKind.LOG, now(used) - timedelta(days=6), 0, 0)


@pytest.mark.mysql
def test_payments_do_not_wait_for_a_bite_that_is_not_committed(mysql_engine):
    desk = open_desk(mysql_engine)
    for number in range(20):
        desk.pay(f"OLD{number}", "0949AQ" if number % 2 else "HELLO")
    desk.execute(sa.update(tasks).where(tasks.c.id % 2 == 0).values(state="done"))
    age(desk, 3 * MONTH)
    with mysql_engine.connect() as purging:
        for kind in RecordKind:
            deleted = store.purge(purging, kind, now(desk) + MONTH, 0, 1000).deleted
            assert deleted or kind is RecordKind.QUARANTINE
        receipts = desk.pay_batch(*(payment(f"NEW{number}", "0949AQ") for number in range(20)))
        # None was deferred for a row that is held.
        assert {receipt.outcome for receipt in receipts} == {"customer_paid"}
        purging.rollback()
