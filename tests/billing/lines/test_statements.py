"""What a line costs its database: a transaction reads no customer more often than it must."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from billing.lines import sweeping


@contextmanager
def heard(engine):
    """The statements of each transaction that commits in the block, a list each."""
    transactions, current = [], []

    def hear(*said):
        current.append(said[2])

    def end(_connection):
        transactions.append(current.copy())
        current.clear()

    sa.event.listen(engine, "before_cursor_execute", hear)
    sa.event.listen(engine, "commit", end)
    try:
        yield transactions
    finally:
        sa.event.remove(engine, "before_cursor_execute", hear)
        sa.event.remove(engine, "commit", end)


def reads_whole_customers(statement):
    return statement.startswith("SELECT") and "pppoe_users.full_name" in statement


@pytest.fixture
def engine(mysql_engine):
    return mysql_engine


def test_no_transaction_of_a_cut_or_a_payment_reads_a_customer_twice(managing, dispatcher, clock):
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    clock.forward(days=(managing.customer("0949AQ").next_payment_date - managing.today()).days + 1)
    with heard(managing.engine) as transactions:
        sweeping.sweep(managing.engine, managing.policy)
        dispatcher.carry_out()
        managing.pay("A2", "0949AQ")
        dispatcher.carry_out()
    # Whose line it is, and who else has it.
    assert max(sum(map(reads_whole_customers, one)) for one in transactions) == 2
    # Each is a round trip, and half a millisecond of billing's CPU, of which payments are answered meanwhile.
    assert max(map(len, transactions)) <= 10
