"""What buying credits leaves behind."""

import pytest
from billing.credits import store
from billing.credits.rules import CreditPurchase
from billing.schema import credit_transactions

from servicekit import database, moments


@pytest.fixture
def buy(desk):
    def call(purchases):
        def work(connection):
            store.buy(connection, purchases, moments.current_time(connection), None)

        database.transact(desk.engine, work)

    return call


def test_bought_credits_are_added_by_their_kind_and_each_purchase_is_on_record(buy, desk):
    bought = [
        CreditPurchase(1, "A1", "sms", 20, 50),
        CreditPurchase(1, "A2", "sms", 1, 50),
        CreditPurchase(1, "A3", "whatsapp", 5, 20),
        CreditPurchase(2, "A4", "whatsapp", 2, 20),
    ]
    buy(bought[:1])
    buy(bought[1:])
    assert (desk.credits(1), desk.credits(2)) == ((21, 5), (0, 2))
    assert [row.total_amount for row in desk.rows(credit_transactions)] == [1000, 50, 100, 40]
