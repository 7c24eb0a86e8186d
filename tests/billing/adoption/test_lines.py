"""The lines of a predecessor's 5,000 customers: nothing is switched before somebody has seen what would be."""

from datetime import timedelta

import sqlalchemy as sa
from billing.lines import sweeping
from billing.schema import pppoe_users, tasks

from servicekit import engines
from tests.billing.adoption import adopting
from tests.billing.desk import Desk
from tests.billing.dispatching import Dispatcher
from tests.billing.lines.conftest import sweep

COUNT = 5_000
_SAME = ("account_name", "status", "next_payment_date", "last_reconnected_at")


def test_they_come_over_as_they_are_and_what_would_be_switched_first_is_told(mysql_url):
    engine = engines.create_engine(mysql_url)
    adopting.run(engine, *adopting.PREDECESSOR)
    desk = Desk(engine)
    paid, over = desk.today() + timedelta(days=3), desk.today() - timedelta(days=3)
    _insert(engine, [("active", paid), ("active", over), ("inactive", over), ("inactive", paid), ("active", None)])
    adopting.upgrade(engine)
    before = _read(engine)

    sweep(desk)
    assert _read(engine) == before
    assert desk.rows(tasks) == []
    planned = _plan(engine)
    would = {(account, state) for account, state in planned if account != "0949AQ"}
    assert would == {(f"C{n:05}", "off" if n % 5 == 1 else "on") for n in range(COUNT) if n % 5 in {1, 3}}

    paid_for = Dispatcher(desk)
    desk.pay("A1", "C00002")
    paid_for.carry_out()
    assert paid_for.held == {(1, "c2"): "on"}
    assert [row for row in _read(engine) if row[0] != "C00002"] == [row for row in before if row[0] != "C00002"]
    engine.dispose()


def _insert(engine: sa.Engine, kinds) -> None:
    rows = ",".join(
        f"('N', 'c{n}', 'C{n:05}', 1000, 1, 1, '{kinds[n % 5][0]}', {_day(kinds[n % 5][1])})" for n in range(COUNT)
    )
    columns = "full_name, username, account_name, amount, router_id, isp_id, status, next_payment_date"
    adopting.run(engine, f"INSERT INTO pppoe_users ({columns}) VALUES {rows}")


def _day(day) -> str:
    return f"'{day}'" if day else "NULL"


def _read(engine: sa.Engine):
    with engine.connect() as connection:
        query = sa.select(*(pppoe_users.c[name] for name in _SAME)).order_by(pppoe_users.c.id)
        return [tuple(row) for row in connection.execute(query)]


def _plan(engine: sa.Engine) -> list[tuple[str, str]]:
    found, after = [], 0
    while True:
        switches, after = sweeping.plan(engine, after, 500)
        found += [(one.customer.account_name, str(one.after.state)) for one in switches]
        if not after:
            return found
