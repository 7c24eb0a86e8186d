"""Whom to remind is found by an index, however many there are."""

from datetime import UTC, date, timedelta

import sqlalchemy as sa
from billing.reminders import service
from billing.schema import pppoe_users

from tests.billing.opening import open_desk
from tests.billing.reminders.test_reminders import DUE, POLICY, at, decide


def test_whom_to_remind_is_found_by_the_due_date_among_many(mysql_engine):
    open_many(mysql_engine)
    asked = []
    with mysql_engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        assert service.remind(connection, POLICY, at(DUE, 12).astimezone(UTC), 1000) == 10
        queries = [one for one in asked if "reminders" in one[0] and one[0].startswith("SELECT")]
        assert len(queries) == 3  # one for each due date
        for query, values in queries:
            plan = connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {query}", values).mappings().all()
            rows = {row["table"]: row for row in plan}
            assert rows["pppoe_users"]["key"] == "ix_pppoe_users_next_payment_date", plan
            assert rows["pppoe_users"]["rows"] < 100, plan
            assert rows["reminders"]["key"] == "uq_reminders_due_date_day_offset_customer_id", plan


def open_many(engine):
    """Ten of a thousand customers are to be reminded, five of them by a decision of their own."""
    desk = open_desk(engine)
    first = date(2026, 1, 1)
    desk.insert_customers(*(
        {"account_name": f"C{n}", "phone": f"07120{n:05}", "next_payment_date": first + timedelta(days=n % 300)}
        for n in range(1000)
    ))  # fmt: skip
    there = {row.account_name: row.id for row in desk.rows(pppoe_users)}
    for n in range(10):
        desk.set_customer(f"C{n}", next_payment_date=DUE)
    decide(desk, "isp", 1, reminder_days="-3,0,1")
    for n in range(5):
        decide(desk, "customer", there[f"C{n}"], reminder_days="0,1")
    desk.execute(sa.text("ANALYZE TABLE pppoe_users"))
    return desk
