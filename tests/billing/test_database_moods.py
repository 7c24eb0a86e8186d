"""What becomes of payments when the database refuses a row, deadlocks, cannot or is away."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from billing.schema import ledger_transfers, tasks
from billing.schema import quarantine as quarantine_table
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine_pb
from servicekit.rpc.errors import DatabaseRefuses
from sqlalchemy.exc import DataError, InternalError, OperationalError, ProgrammingError

from servicekit import engines
from tests.billing.serving import payment, refused

INVALID = ("INVALID_ARGUMENT", "INVALID_PAYMENT")


@contextmanager
def failing(engine, error_class, code, *, trans_id="", times=1000):
    """Inserts of payments (those with `trans_id`) fail, `times` times."""
    left = [times]

    @sa.event.listens_for(engine, "before_cursor_execute")
    def refuse(connection, cursor, statement, parameters, *_rest):
        if statement.startswith("INSERT INTO paybill_payments") and trans_id in f"{statement} {parameters}" and left[0]:
            left[0] -= 1
            raise error_class(statement, None, Exception(code, "simulated"))

    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", refuse)


def test_a_row_that_the_database_refuses_is_set_aside_and_its_neighbours_commit(client, desk, engine):
    batch = [payment(f"A{n}", "ACC001", 100, callback_body=b"%d" % n) for n in range(9)]
    batch.insert(4, payment("POISON1", "ACC001", 77, callback_body=b"the poison"))
    with failing(engine, DataError, 1366, trans_id="POISON"):
        outcomes = client.outcome(*batch)
    assert outcomes == ["service_payment"] * 4 + ["quarantined"] + ["service_payment"] * 5
    assert desk.wallet(1) == 900
    kept = desk.one(quarantine_table)
    assert (kept.callback_body, kept.state) == (b"the poison", "open")
    assert "1366" in kept.fault
    assert "unreadable_digest" in desk.one(tasks, trans_id="").payload
    desk.check_books()
    assert client.outcome(*batch) == ["service_payment"] * 10  # the cause was mended: sent again, it is recorded
    assert desk.wallet(1) == 977


def test_a_rule_of_the_operator_s_own_that_one_row_breaks_does_not_hold_up_its_neighbours(client, desk, engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite adds no CHECK to a table that is there")
    with engine.begin() as connection:  # the driver calls the violation an operational error
        connection.exec_driver_sql("ALTER TABLE paybill_payments ADD CHECK (TransID <> 'POISON1')")
    outcomes = client.outcome(payment("A1", "ACC001"), payment("POISON1", "ACC001"), payment("A2", "ACC001"))
    assert outcomes == ["service_payment", "quarantined", "service_payment"]
    assert desk.one(quarantine_table).fault.endswith(("3819", "4025"))
    desk.check_books()


@pytest.mark.parametrize("code", [1213, 1205])
def test_a_deadlock_is_tried_again_without_anybody_noticing(client, desk, engine, code):
    with failing(engine, OperationalError, code, times=2):
        outcomes = client.outcome(payment("A1"), payment("A2", "SMS001"))
    assert outcomes == ["customer_paid", "sms_credits"]
    assert desk.wallet(1) == 100_000
    desk.check_books()


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (OperationalError, 2013, "DATABASE_UNAVAILABLE"),  # gone
        (OperationalError, 1290, "DATABASE_UNAVAILABLE"),  # takes no writes
        (OperationalError, 1040, "DATABASE_UNAVAILABLE"),  # too busy
        (OperationalError, 1364, "DATABASE_REFUSES"),  # a column without a default is nobody's payment's fault
        (OperationalError, 1142, "DATABASE_REFUSES"),
        (ProgrammingError, 1054, "DATABASE_REFUSES"),
        (InternalError, 9999, "DATABASE_REFUSES"),
    ],
)
def test_a_database_that_refuses_all_means_try_again_and_nothing_done(client, desk, engine, error, code, reason):
    with failing(engine, error, code):
        answer = refused(lambda: client.record(payment("A1"), payment("A2")))
    assert answer == ("UNAVAILABLE", reason)
    assert desk.rows(quarantine_table) == desk.rows(ledger_transfers) == []
    assert client.outcome(payment("A1"), payment("A2")) == ["customer_paid"] * 2


def test_a_column_without_a_default_is_named_to_the_caller_and_no_payment_is_blamed(client, desk, engine, capfd):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite adds no such column to a table that has rows")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE user_transactions_in ADD COLUMN branch VARCHAR(9) NOT NULL")
    try:
        for number in range(3):
            with pytest.raises(DatabaseRefuses) as answer:
                client.record(payment("A1"), payment(f"B{number}"))
            said = "the database refuses: 1364 Field 'branch' doesn't have a default value"
            assert str(answer.value) == said
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE user_transactions_in DROP COLUMN branch")
    assert desk.rows(quarantine_table) == desk.rows(ledger_transfers) == []
    assert capfd.readouterr().out.count("database_fault") <= 1  # not once a call
    assert client.outcome(payment("A1")) == ["customer_paid"]


def test_without_a_database_every_service_says_unavailable(serve):
    away = engines.create_engine("mysql://nobody@127.0.0.1:1/none")
    client = serve(away)
    for call in (
        lambda: client.record(payment("A1")),
        lambda: client.get("A1"),
        client.lease,
        lambda: client.accounts.ListIsps(account_pb.ListIspsRequest()),
        lambda: client.create_customers(account_pb.Customer(account_name="1AB")),
        lambda: client.quarantine.QuarantineCallbacks(
            quarantine_pb.QuarantineCallbacksRequest(callbacks=[quarantine_pb.QuarantinedCallback(idempotency_key="k")])
        ),
    ):
        assert refused(call) == ("UNAVAILABLE", "DATABASE_UNAVAILABLE")
