"""A person is taken out of the records, and the books stay whole; on each database."""

import pytest
import sqlalchemy as sa
from billing.changes.rules import Author
from billing.reminders import service as reminders
from billing.retention import service
from billing.retention.errors import CustomerNotClosed, TasksOpen
from billing.schema import line_policies, metadata, pppoe_users
from servicekit.moments import current_time

AMINA = Author("Amina", "asked for it")


def everything(desk):
    """All that stands in any table, as text."""
    with desk.engine.connect() as connection:
        return str([connection.execute(sa.select(table)).all() for table in metadata.tables.values()])


def remind_of_today(desk, account):
    """A message that belongs to no payment."""
    desk.set_customer(account, next_payment_date=desk.today())
    values = {"reminder_days": "0", "reminder_hour": "0", "quiet_from": "0", "quiet_until": "0"}
    rows = [{"noun": "isp", "noun_id": 1, "field": name, "value": value} for name, value in values.items()]
    desk.execute(sa.insert(line_policies), rows)
    with desk.engine.begin() as connection:
        assert reminders.remind(connection, desk.policy, current_time(connection), 10)


def test_nothing_of_a_person_is_left_but_the_books(desk, dispatcher):
    named = {"full_name": "Zawadi Kamau", "phone": "0712777888", "username": "zawadi-ppp"}
    desk.set_customer("0949AQ", **named | {"phone": "0712777000"})
    remind_of_today(desk, "0949AQ")
    dispatcher.run()
    desk.set_customer("0949AQ", **named)  # another number since
    customer_id = desk.customer("0949AQ").id
    seen = {"msisdn": "254712777888", "first_name": "ZAWADI", "callback_body": b"ZAWADI 254712777888"}
    desk.pay("A1", "0949AQ", **seen)
    desk.pay("A2", "0949AQ", "400", **seen)
    desk.pay("B1", "12BC", first_name="OTHER")
    with pytest.raises(CustomerNotClosed):
        service.erase(desk.engine, customer_id, AMINA)
    desk.execute(
        sa.update(pppoe_users)
        .where(pppoe_users.c.id == customer_id)
        .values(closed_at=desk.customer("0949AQ").created_at)
    )
    with pytest.raises(TasksOpen):
        service.erase(desk.engine, customer_id, AMINA)
    dispatcher.run()
    desk.check_books()
    before = everything(desk)
    assert sorted(service.erase(desk.engine, customer_id, AMINA, validate_only=True)) == ["A1", "A2"]
    assert everything(desk) == before
    service.erase(desk.engine, customer_id, AMINA)
    left = everything(desk)
    for said in ("Zawadi", "ZAWADI", "712777888", "712777000", "zawadi-ppp"):
        assert said in before
        assert said not in left
    assert "OTHER" in left
    desk.check_books()
    assert desk.pay("A1", "0949AQ").repeated
