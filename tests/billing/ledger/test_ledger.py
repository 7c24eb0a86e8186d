"""What is posted to wallets: each entry with the balance after it, a wallet that is missing made."""

import pytest
import sqlalchemy as sa
from billing.ledger import store
from billing.ledger.rules import EntryKind, WalletEntry
from billing.schema import isp_wallet, wallet_entries
from servicekit.writes import together
from sqlalchemy.exc import IntegrityError

from servicekit import database


def entry(trans_id, cents, isp_id=1):
    return WalletEntry(isp_id, trans_id, EntryKind.SERVICE_PAYMENT, cents)


@pytest.fixture
def post(desk):
    """Posts in a transaction of its own; answers the wallet after each entry."""

    def call(*entries):
        def work(connection):
            now = database.current_time(connection)
            with together(connection) as writes:
                return store.post(connection, writes, entries, now)

        return database.transact(desk.engine, work)

    return call


def test_each_entry_has_the_balance_after_it_and_the_wallet_their_sum(post, desk):
    assert post(entry("A1", 100), entry("B1", 7, isp_id=2), entry("A2", 50)) == [100, 7, 150]
    assert post(entry("A3", 1)) == [151]
    rows = [(row.isp_id, row.trans_id, row.amount, row.balance_after) for row in desk.rows(wallet_entries)]
    assert rows == [(1, "A1", 100, 100), (2, "B1", 7, 7), (1, "A2", 50, 150), (1, "A3", 1, 151)]
    assert (desk.wallet(1), desk.wallet(2)) == (151, 7)


def test_an_entry_of_nothing_tells_the_balance_and_leaves_no_row(post, desk):
    post(entry("A1", 100))
    assert post(entry("A2", 0)) == [100]
    assert len(desk.rows(wallet_entries)) == 1


def test_a_wallet_that_is_missing_is_made_and_one_without_a_balance_holds_nothing(post, desk):
    desk.execute(sa.delete(isp_wallet).where(isp_wallet.c.isp_id == 1))
    desk.execute(sa.update(isp_wallet).where(isp_wallet.c.isp_id == 2).values(balance=None))
    assert post(entry("A1", 100), entry("B1", 7, isp_id=2)) == [100, 7]
    assert (desk.wallet(1), desk.wallet(2)) == (100, 7)


def test_no_payment_reaches_a_wallet_twice(post, desk):
    post(entry("A1", 100))
    with pytest.raises(IntegrityError):
        post(entry("A1", 100))
    assert desk.wallet(1) == 100
