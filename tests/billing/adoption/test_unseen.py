"""Accounts of the predecessor with characters that nobody sees are found by what people type."""

import pytest
import sqlalchemy as sa
from billing.__main__ import MIGRATIONS
from billing.schema import isps, pppoe_users

from servicekit import engines, migrate
from tests.billing.desk import Desk, payment


@pytest.fixture
def adopted(database_url):
    """The tables as they were before, with rows as a spreadsheet left them."""
    engine = engines.create_engine(database_url)
    migrate.upgrade(engine, "billing", MIGRATIONS, "0005")
    with engine.begin() as connection:
        connection.execute(sa.insert(isps), [{"id": 1, "name": "Demo", "smsaccount": "SMS\u200b001"}])
        for number, account in enumerate(
            ["0201\u200bAA", "\uff10\uff12\uff10\uff12\uff21\uff21", "0203AA", "0203\ufeffAA", "Ñ04"], 1
        ):
            row = {"id": number, "account_name": account, "isp_id": 1, "amount": 100_000, "status": "inactive"}
            connection.execute(sa.insert(pppoe_users), [row])
    migrate.upgrade(engine, "billing", MIGRATIONS)
    yield Desk(engine)
    engine.dispose()


def test_they_are_kept_as_they_are_seen_unless_that_would_make_two_one(adopted):
    assert [row.account_name for row in adopted.rows(pppoe_users)] == [
        "0201AA", "0202AA", "0203AA", "0203\ufeffAA", "Ñ04"
    ]  # fmt: skip
    typed = ["0201AA", "0202aa", "0203\u2060AA", "SMS001"]
    receipts = adopted.pay_batch(*(payment(f"A{n}", one) for n, one in enumerate(typed)))
    assert [one.outcome for one in receipts] == ["customer_paid"] * 3 + ["sms_credits"]
