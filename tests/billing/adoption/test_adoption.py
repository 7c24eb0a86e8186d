"""The predecessor's database is adopted: nothing is lost, nothing is guessed, and payments run on it."""

from decimal import Decimal

import pytest
import sqlalchemy as sa
from billing.__main__ import MIGRATIONS
from billing.payments.rules import Outcome
from billing.schema import isp_wallet, isps, ledger_transfers, paybill_payments, payment_debug_log, pppoe_users

from servicekit import engines, migrate
from tests.billing.adoption import predecessor
from tests.billing.adoption.adopting import everything
from tests.billing.desk import Desk
from tests.billing.dispatching import Dispatcher

pytestmark = pytest.mark.mysql


@pytest.fixture
def old(mysql_url):
    """The predecessor's database, not migrated yet."""
    engine = engines.create_engine(mysql_url)
    predecessor.build(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def adopted(module_schema):
    """Migrated; only to be looked at."""
    predecessor.build(module_schema)
    upgrade(module_schema)
    return module_schema


def upgrade(engine):
    migrate.upgrade(engine, "billing", MIGRATIONS)


def test_rows_and_columns_stay_as_they_were(old):
    tables = ["isps", "pppoe_users", "user_transactions_in", "credit_transactions", "payment_debug_log"]
    columns = {table: predecessor.columns_of(old, table) for table in tables}
    before = {table: predecessor.read(old, table, columns[table], columns[table][0]) for table in tables}
    assert all(before.values())
    upgrade(old)
    assert {table: predecessor.read(old, table, columns[table], columns[table][0]) for table in tables} == before
    for table in tables:
        assert [name for name in predecessor.columns_of(old, table) if name in columns[table]] == columns[table]


def test_doubled_wallets_become_one_with_the_sum(adopted):
    assert sorted(predecessor.read(adopted, "isp_wallet", ("isp_id", "balance")), key=str) == [
        (1, Decimal("1500.75")),
        (2, Decimal("99999999.99")),
        (7, Decimal("0.00")),
        (None, Decimal("3.00")),
        (None, Decimal("4.00")),
    ]
    moved = predecessor.read(adopted, "ledger_transfers", ("kind", "from_account", "to_account", "amount"))
    assert moved == [
        ("opening", "opening", "wallet:1", Decimal("1500.75")),
        ("opening", "opening", "wallet:2", Decimal("99999999.99")),
    ]


def test_doubled_and_misnamed_credits_are_added_up(adopted):
    rows = predecessor.read(adopted, "isp_credits", ("isp_id", "sms_credits", "whatsapp_credits"))
    assert sorted(rows, key=str) == [(1, 121, 25), (2, 0, 0), (7, 7, 0), (None, 1, 1)]
    assert sum(row[1] or 0 for row in predecessor.read(adopted, "isp_credit")) == 0


def test_doubled_transids_are_moved_aside_and_impossible_from_then_on(old):
    columns = predecessor.columns_of(old, "paybill_payments")
    before = predecessor.read(old, "paybill_payments", columns)
    upgrade(old)
    kept = predecessor.read(old, "paybill_payments", columns)
    moved = predecessor.read(old, "paybill_payments_doubled", columns)
    assert [row[0] for row in moved] == [3, 4, 8]
    assert sorted(kept + moved) == before
    with pytest.raises(sa.exc.IntegrityError), old.begin() as connection:
        connection.exec_driver_sql("INSERT INTO paybill_payments (TransID) VALUES ('tke1')")


def test_rows_that_point_to_a_moved_payment_point_to_the_one_that_stayed(adopted):
    rows = predecessor.read(adopted, "receipts", ("number", "payment_id"))
    assert rows == [("R0", None), ("R1", 1), ("R2", 2), ("R3", 2), ("R8", 2)]


def test_nothing_that_was_wider_becomes_narrower(mysql_url):
    engine = engines.create_engine(mysql_url)
    with engine.begin() as connection:
        for statement in [
            """CREATE TABLE paybill_payments (
                id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, TransID VARCHAR(100) UNIQUE,
                TransAmount DECIMAL(20,4), MSISDN VARCHAR(255) COMMENT 'their''s: 100%', FirstName TEXT)""",
            "CREATE TABLE isp_wallet (id INT PRIMARY KEY AUTO_INCREMENT, isp_id INT, balance DECIMAL(30,2) DEFAULT 1)",
            """INSERT INTO paybill_payments VALUES
                (18446744073709551600, 'A', 1234567890123456.7891, REPEAT('x', 255), 'y')""",
            "INSERT INTO isp_wallet VALUES (1, 1, 1234567890123456.78)",
        ]:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    upgrade(engine)
    row = predecessor.read(engine, "paybill_payments", ("id", "TransAmount", "MSISDN"))
    assert row == [(18446744073709551600, Decimal("1234567890123456.7891"), "x" * 255)]
    assert predecessor.read(engine, "isp_wallet", ("balance",)) == [(Decimal("1234567890123456.78"),)]
    comments = {column["name"]: column["comment"] for column in sa.inspect(engine).get_columns("paybill_payments")}
    assert comments["MSISDN"] == "their's: 100%"
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO isp_wallet (isp_id) VALUES (2)")
    assert (2, Decimal("1.00")) in predecessor.read(engine, "isp_wallet", ("isp_id", "balance"))
    engine.dispose()


def test_its_own_indexes_keys_comments_and_defaults_stay(adopted):
    inspector = sa.inspect(adopted)
    assert {"checked", "uq_paybill_payments_trans_key"} <= {
        i["name"] for i in inspector.get_indexes("paybill_payments")
    }
    assert "isp_names" in {index["name"] for index in inspector.get_indexes("isps")}
    (key,) = inspector.get_foreign_keys("receipts")
    assert key["options"] == {"ondelete": "CASCADE"}
    columns = {column["name"]: column for column in inspector.get_columns("pppoe_users")}
    assert columns["amount"]["comment"] == "KES; a month"
    assert columns["created_at"]["default"].upper().rstrip("()") == "CURRENT_TIMESTAMP"
    assert {column["name"]: column["comment"] for column in inspector.get_columns("isps")}[
        "logo"
    ] == "path: 100% theirs"


def test_migrating_again_changes_nothing(old):
    upgrade(old)
    before = everything(old)
    upgrade(old)
    with old.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version_billing")  # as if it had never been noted
    upgrade(old)
    assert everything(old) == before


class Killed(BaseException):
    """The process ended here."""


def test_a_migration_cut_off_after_any_step_is_finished_by_the_next(old, mysql_server):
    """Each run is killed right after its first durable step, so that a run starts from every state there is."""
    steps = []
    while (step := upgrade_one_step(old.url)) is not None:
        steps.append(step)
        assert len(steps) < 200, steps[-3:]
    assert len(steps) > 20
    expected = engines.create_engine(old.url.set(database=f"{old.url.database}_whole"))
    with old.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {expected.url.database} CHARACTER SET utf8mb4")
    try:
        predecessor.build(expected)
        upgrade(expected)
        assert everything(old) == everything(expected)
    finally:
        with old.begin() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {expected.url.database}")
        expected.dispose()


def upgrade_one_step(url):
    """Migrate until the first DDL statement or commit of writes has taken effect; None when nothing was left to do."""
    engine = engines.create_engine(url.render_as_string(hide_password=False))
    wrote, killed = [], []

    def kill(connection, statement):
        killed.append(statement)
        connection.connection.dbapi_connection._force_close()  # the server sees no more than a socket that closes
        raise Killed

    @sa.event.listens_for(engine, "after_cursor_execute")
    def _after(connection, cursor, statement, *_rest):
        word = statement.split()[0].upper()
        if word in {"CREATE", "ALTER", "DROP"}:
            kill(connection, statement)
        if word in {"INSERT", "UPDATE", "DELETE"} and cursor.rowcount:
            wrote.append(statement)

    @sa.event.listens_for(engine, "rollback")
    def _rollback(connection):
        wrote.clear()

    @sa.event.listens_for(engine, "commit")
    def _commit(connection):
        if wrote:
            connection.connection.dbapi_connection.commit()
            kill(connection, wrote[-1])

    try:
        upgrade(engine)
    except BaseException:
        if not killed:
            raise
    finally:
        engine.dispose()
    return killed[0] if killed else None


# --- payments run on it -------------------------------------------------------------------------------------------


@pytest.fixture
def desk(old):
    upgrade(old)
    return Desk(old)


def test_a_payment_that_the_predecessor_applied_is_not_applied_again(desk):
    for stored in [("TKE1", "0949aq", "1000"), ("TKE2", "12BC", "500.50"), ("TKE3", "hello", "99.99")]:
        receipt = desk.pay(*stored)
        assert (receipt.outcome, receipt.repeated) == (Outcome.PREDECESSOR, True)
    assert len(desk.rows(ledger_transfers)) == 2
    assert desk.rows(paybill_payments, outcome="customer_paid") == []


def test_payments_of_every_kind_run_on_it(desk):
    assert desk.pay("NEW1", "0949AQ").outcome is Outcome.CUSTOMER_PAID
    assert desk.pay("NEW2", "12BC", "500.50").outcome is Outcome.CUSTOMER_PAID
    assert desk.pay("NEW3", "SMS001", "10.20").outcome is Outcome.SMS_CREDITS
    assert desk.pay("NEW4", "WA001", "0.20").outcome is Outcome.WHATSAPP_CREDITS
    assert desk.pay("NEW5", "ACC007", "1000000000.00").outcome is Outcome.SERVICE_PAYMENT
    assert desk.pay("NEW6", "NOBODY").outcome is Outcome.UNMATCHED
    assert desk.wallet(1) == 150_075 + 100_000 + 20
    assert desk.wallet(7) == 50_050 + 100_000_000_000
    assert (desk.credits(1), desk.credits(7)) == ((141, 26), (7, 0))
    dispatcher = Dispatcher(desk)
    dispatcher.run()
    assert dispatcher.switched == [(1, "0949AQ")]
    assert desk.one(pppoe_users, username="0949AQ").status == "active"


def test_a_wallet_takes_more_than_the_predecessor_s_column_could_hold(desk):
    desk.execute(sa.update(isps).where(isps.c.id == 2).values(pay_account_number="ACC002"))
    desk.pay("NEW1", "ACC002", "9999999999.99")
    assert desk.wallet(2) == 9_999_999_999 + 999_999_999_999


def test_customers_with_impossible_dates_can_pay(desk):
    for trans_id, account in [("NEW1", "33ZZ"), ("NEW2", "44EV")]:
        assert desk.pay(trans_id, account, "100").outcome is Outcome.CUSTOMER_PAID
        assert desk.one(pppoe_users, account_name=account).next_payment_date > desk.today()
    Dispatcher(desk).run()


def test_any_name_and_reference_fits(desk):
    desk.pay("NEW1", "Ωμέγα 😀" * 12, first_name="王小明 😀", msisdn="f" * 64)
    row = desk.one(paybill_payments, TransID="NEW1")
    assert (row.BillRefNumber, row.FirstName, row.MSISDN) == ("Ωμέγα 😀" * 12, "王小明 😀", "f" * 64)
    assert "😀" in desk.rows(payment_debug_log, transaction_id="NEW1")[0].message


def test_a_wallet_without_balance_loses_nothing(desk):
    desk.execute(sa.update(isp_wallet).where(isp_wallet.c.isp_id == 7).values(balance=None))
    desk.pay("NEW1", "ACC007")
    assert desk.wallet(7) == 100_000


def test_the_predecessor_s_own_statements_still_work(desk):
    with desk.engine.begin() as connection:

        def run(statement, *values):
            return connection.exec_driver_sql(statement, values)

        connection.exec_driver_sql("CREATE TABLE routers (id INT PRIMARY KEY, router_name TEXT, local_ip TEXT)")
        values = ("Pay Bill", "OLD1", "20261123", "1000.00", "600100", "0949AQ", "", "5.00", "", "254712345678", "JOHN")
        run(predecessor.INSERT_PAYMENT, *values)
        run("UPDATE pppoe_users SET account_name = '0949AQ' WHERE id = 1")
        customer = run(predecessor.FIND_CUSTOMER, "0949AQ").mappings().one()
        run(predecessor.INSERT_TRANSACTION, customer["isp_id"], customer["id"], "1000.00", "OLD1")
        run(predecessor.ADD_TO_WALLET, 1, "1000.00")
        run(predecessor.ADD_TO_WALLET, 99, "1.00")
        run(predecessor.MOVE_DATE, customer["id"])
        run(predecessor.BUY_CREDITS, 5, 1)
        run(predecessor.INSERT_PURCHASE, 1, "whatsapp", 5, "0.20", "1.00", "OLD2", "5 credits")
        run(predecessor.INSERT_STEP, "OLD1", "PROCESSING_COMPLETE", "ok", '{"a": 1}')
        assert run(predecessor.FIND_ISP, "sms 001").one().name == "Demo Networks"
        assert run(predecessor.READ_LOG, "OLD1").mappings().one()["category"] == "PROCESSING_COMPLETE"
    assert (1, Decimal("2500.75")) in predecessor.read(desk.engine, "isp_wallet", ("isp_id", "balance"))
    assert (99, Decimal("1.00")) in predecessor.read(desk.engine, "isp_wallet", ("isp_id", "balance"))
    assert desk.pay("OLD1", "0949AQ").outcome is Outcome.PREDECESSOR
