"""Tables that an engine without transactions keeps are converted: else a payment is lost, or counts twice."""

import pytest
import sqlalchemy as sa
from billing.payments.rules import Outcome
from billing.schema import isp_wallet, paybill_payments, tasks
from servicekit.engines import create_engine
from servicekit.rpc.errors import RowLocked

from tests.billing.adoption.adopting import PREDECESSOR, in_engine, look, run, upgrade
from tests.billing.desk import Desk

MONEY = ("isp_wallet", "paybill_payments", "user_transactions_in", "payment_debug_log")


@pytest.fixture
def old(server_url):
    engine = create_engine(server_url)
    yield engine
    engine.dispose()


def engines(engine):
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT TABLE_NAME, ENGINE, ROW_FORMAT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        )
        return {(name, kind, row_format.upper()) for name, kind, row_format in found}


@pytest.mark.parametrize("name", ["MyISAM", "MyISAM ROW_FORMAT=FIXED", "MEMORY", "InnoDB ROW_FORMAT=COMPACT"])
def test_every_table_becomes_innodb_with_rows_that_hold_long_keys(old, name):
    # MEMORY knows no TEXT.
    statements = [one for one in in_engine(name, PREDECESSOR) if name != "MEMORY" or "payment_debug_log" not in one]
    run(old, *statements, "CREATE TABLE isp_credit (isp_id INT, sms_credits INT) ENGINE=MyISAM")
    assert [words for words in look(old).changes if "InnoDB" in words or "row format" in words]
    upgrade(old)
    assert {(kind, row_format) for _, kind, row_format in engines(old)} == {("InnoDB", "DYNAMIC")}
    assert Desk(old).pay("NEW1", "0949AQ").outcome is Outcome.CUSTOMER_PAID


def test_our_own_tables_are_innodb_where_the_server_makes_others_by_itself(old):
    @sa.event.listens_for(old, "connect")
    def _by_default(connection, _record):
        connection.cursor().execute("SET SESSION default_storage_engine = MyISAM")

    upgrade(old)
    assert {kind for _, kind, _ in engines(old)} == {"InnoDB"}


@pytest.mark.parametrize("of_myisam", [MONEY, ("isp_wallet",)], ids=["all of the money", "only the wallets"])
@pytest.mark.parametrize("locked", ["isp_wallet", "tasks"])
def test_a_payment_that_meets_a_locked_table_counts_once(old, of_myisam, locked):
    """The row of the payment was there and its money was not; or the money was there twice."""
    statements = [
        f"{one} ENGINE=MyISAM" if any(f"CREATE TABLE {name} " in one for name in of_myisam) else one
        for one in PREDECESSOR
    ]
    run(old, *statements)
    upgrade(old)
    desk = Desk(old)
    with old.connect() as other:
        other.exec_driver_sql(f"LOCK TABLES {locked} READ")
        with pytest.raises(RowLocked):
            desk.pay("NEW1", "0949AQ")
        other.exec_driver_sql("UNLOCK TABLES")
    assert not desk.rows(paybill_payments)
    assert desk.pay("NEW1", "0949AQ").repeated is False
    assert desk.pay("NEW1", "0949AQ").repeated is True
    assert desk.one(isp_wallet, isp_id=1).balance == 100_000
    assert len(desk.rows(tasks, kind="send_messages")) > 0
    desk.check_books()
