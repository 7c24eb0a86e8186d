"""What people type fits, whatever character set the schema has; and a TransID is the same however it was stored."""

import pytest
import sqlalchemy as sa
from billing.payees import store as payees
from billing.payments import store as payments
from billing.payments.rules import Outcome
from billing.schema import isps, paybill_payments, payment_debug_log, pppoe_users, tasks

from servicekit import engines
from tests.billing.adoption.adopting import PREDECESSOR, run, upgrade
from tests.billing.desk import Desk
from tests.billing.dispatching import Dispatcher
from tests.billing.opening import open_desk

PAYER = "WAMŨYŨ 😀"
CHARSETS = ["latin1", "utf8mb3", "utf8mb4"]


@pytest.fixture(params=CHARSETS)
def schema(request, server_url):
    """An empty schema whose tables are of this character set, unless they say another."""
    engine = engines.create_engine(server_url)
    run(engine, f"ALTER DATABASE {engine.url.database} CHARACTER SET {request.param}")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("adopted", [False, True], ids=["new", "adopted"])
def test_names_of_any_alphabet_go_all_the_way(schema, adopted):
    if adopted:
        run(schema, *PREDECESSOR)
    upgrade(schema)
    desk = Desk(schema) if adopted else open_desk(schema)
    its = sa.update(pppoe_users).where(pppoe_users.c.account_name == "0949AQ")
    desk.execute(its.values(full_name=PAYER, username=PAYER, router_id=1, phone="0712345678"))
    desk.execute(sa.update(isps).values(name="Café Réseau 😀"))
    receipts = [desk.pay("NEW1", "0949AQ", first_name=PAYER, msisdn=PAYER) for _ in range(2)]
    assert [(one.outcome, one.repeated) for one in receipts] == [
        (Outcome.CUSTOMER_PAID, False),
        (Outcome.CUSTOMER_PAID, True),
    ]
    dispatcher = Dispatcher(desk)
    dispatcher.tower = "Kĩambu 🗼"
    dispatcher.run()
    assert desk.payment("NEW1").FirstName == PAYER
    assert desk.one(pppoe_users, full_name=PAYER).status == "active"
    assert {task.state for task in desk.rows(tasks, trans_id="NEW1")} == {"done"}
    assert any(PAYER in step.message + step.details for step in desk.rows(payment_debug_log, transaction_id="NEW1"))


@pytest.mark.parametrize("stored", ["TKE1", "TKE1 ", " TKE1", "tke1", "TKE1\n", "TKE1\u00a0"])
@pytest.mark.parametrize("collation", ["latin1_bin", "latin1_swedish_ci", "utf8mb4_bin", "NO PAD"])
def test_a_transid_that_the_predecessor_stored_is_known_however_it_stored_it(server_url, stored, collation):
    engine = engines.create_engine(server_url)
    if collation == "NO PAD":
        collation = "utf8mb4_nopad_bin" if "MariaDB" in version(engine) else "utf8mb4_0900_ai_ci"
    run(
        engine,
        *PREDECESSOR,
        f"ALTER TABLE paybill_payments CONVERT TO CHARACTER SET {collation.split('_')[0]} COLLATE {collation}",
    )
    with engine.begin() as connection:
        columns = "TransID, TransAmount, BusinessShortCode, BillRefNumber"
        insert = f"INSERT INTO paybill_payments ({columns}) VALUES (%s, 1000, 600100, '0949AQ')"
        connection.exec_driver_sql(insert, (stored,))
    upgrade(engine)
    desk = Desk(engine)
    receipt = desk.pay("TKE1", "0949AQ")
    assert (receipt.outcome, receipt.repeated) == (Outcome.PREDECESSOR, True)
    assert len(desk.rows(paybill_payments)) == 1
    assert desk.payment(stored).TransID == stored
    engine.dispose()


def test_payments_without_transid_are_no_payment_of_one_another(server_url):
    engine = engines.create_engine(server_url)
    run(engine, *PREDECESSOR, "ALTER TABLE paybill_payments DROP INDEX TransID")
    run(engine, "INSERT INTO paybill_payments (TransID, TransAmount) VALUES ('', 1), (NULL, 2), (' ', 3)")
    upgrade(engine)
    assert len(Desk(engine).rows(paybill_payments)) == 3
    engine.dispose()


def test_accounts_that_differ_in_an_accent_are_two(server_url):
    engine = engines.create_engine(server_url)
    two = "INSERT INTO pppoe_users (account_name, amount, isp_id) VALUES ('12ÉA', 500, 1), ('12EA', 500, 1)"
    run(engine, *PREDECESSOR, two)
    upgrade(engine)
    desk = Desk(engine)
    first, second = desk.pay("NEW1", "12éa"), desk.pay("NEW2", "12ea")
    assert (first.outcome, second.outcome) == (Outcome.CUSTOMER_PAID, Outcome.CUSTOMER_PAID)
    assert first.customer_id != second.customer_id
    engine.dispose()


def test_stored_payments_and_customers_are_found_without_reading_all_of_them(server_url):
    engine = engines.create_engine(server_url)
    run(engine, *PREDECESSOR)
    upgrade(engine)
    many = ", ".join(f"('OLD{number}')" for number in range(500))
    run(engine, f"INSERT INTO paybill_payments (TransID) VALUES {many}")
    run(engine, f"INSERT INTO pppoe_users (account_name) VALUES {many}")
    with engine.begin() as connection:
        before = rows_read(connection)
        payments.find_recorded(connection, {"OLD7", "OLD8", "NEW1"})
        payees.load(connection, ["OLD7", "OLD8", "NEW1"], lock=False)
        assert rows_read(connection) - before < 100
    engine.dispose()


def rows_read(connection):
    """How many rows this connection has read one after the other."""
    found = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read_rnd_next'")
    return int(found.one()[1])


def test_one_transid_in_two_spellings_is_refused(server_url):
    engine = engines.create_engine(server_url)
    upgrade(engine)
    with pytest.raises(sa.exc.IntegrityError):
        run(engine, "INSERT INTO paybill_payments (TransID) VALUES ('A1'), ('a1 ')")
    engine.dispose()


def version(engine):
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT VERSION()").scalar_one()
