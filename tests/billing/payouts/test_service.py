"""A credit is paid out once, by whom and why stands in the history, and the books stay right."""

import pytest
import sqlalchemy as sa
from billing.accounts.errors import CustomerNotFound, InvalidChange
from billing.changes.rules import Author, Noun
from billing.ledger import service as ledger
from billing.payouts import service
from billing.payouts.errors import NothingToPayOut
from billing.policies import service as policies
from billing.policies.service import Asked
from billing.schema import account_changes, pppoe_users

from tests.billing.concurrency import at_once

ASHA = Author("Asha", "moved away")


@pytest.fixture
def kept(desk):
    """KES 400 are kept for 0949AQ, who is closed."""
    policies.change(desk.engine, Asked(Noun.ISP, 1), {"part_payments": "credit"}, (), ASHA)
    desk.pay("A1", "0949AQ", "400")
    desk.execute(sa.update(pppoe_users).values(closed_at=sa.func.current_timestamp()))
    return desk


def held(desk):
    customer_id = desk.customer("0949AQ").id
    balances = ledger.list_accounts(desk.engine)
    return balances[f"credit:{customer_id}"], balances.get("payout", 0)


def pay_out(desk):
    return service.pay_out(desk.engine, "0949AQ", 0, ASHA)


def take_back(desk):
    return service.take_back(desk.engine, "0949AQ", 0, Author("Bob", "not handed over"))


def test_a_credit_is_paid_out_and_taken_back_by_another_transfer_as_often_as_needed(kept):
    assert held(kept) == (40_000, 0)
    for _ in range(2):
        done = pay_out(kept)
        assert (done.cents, done.left_cents) == (40_000, 0)
        assert held(kept) == (0, 40_000)
        kept.check_books()
        done = take_back(kept)
        assert (done.cents, done.left_cents) == (40_000, 40_000)
        assert held(kept) == (40_000, 0)
        kept.check_books()
    told = [(row.old_value, row.new_value, row.actor, row.reason) for row in kept.rows(account_changes, field="credit")]
    out, back = ("400.00", "0.00", "Asha", "moved away"), ("0.00", "400.00", "Bob", "not handed over")
    assert told == [out, back, out, back]


def test_nothing_is_paid_out_twice_and_nothing_that_is_not_there(kept):
    pay_out(kept)
    with pytest.raises(NothingToPayOut):
        pay_out(kept)
    with pytest.raises(NothingToPayOut):
        service.take_back(kept.engine, "77XY", 0, ASHA)
    with pytest.raises(CustomerNotFound):
        service.pay_out(kept.engine, "NOBODY", 0, ASHA)
    with pytest.raises(InvalidChange):
        service.pay_out(kept.engine, "0949AQ", 0, Author("Asha"))
    kept.check_books()


def test_of_two_at_once_one_pays_out(kept):
    def try_it():
        try:
            return pay_out(kept).cents
        except NothingToPayOut:
            return 0

    assert sorted(at_once([try_it] * 4)) == [0, 0, 0, 40_000]
    kept.check_books()
