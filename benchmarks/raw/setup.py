"""Makes the raw schema: billing's tables, the same customers, a sample payment, and a procedure that repeats it."""

import os
import subprocess
import sys

import sqlalchemy as sa
from billing.locking.service import HeldRows
from billing.payments import service as intake
from billing.payments.rules import Payment
from billing.policy import Policy

from benchmarks.mysql_server import MySqlServer
from benchmarks.raw import rows
from benchmarks.raw.rows import TRANS_ID, PaymentRows
from servicekit import engines

SCHEMA = "raw"
PROCEDURE = "pay"


def create(mysql: MySqlServer, directory_schema: str, admins: tuple[str, ...]) -> PaymentRows:
    """Make the schema and the procedure `pay()`, which writes one payment of a random customer durably."""
    mysql.create(SCHEMA)
    migrate(mysql.url(SCHEMA))
    copy_directory(mysql, directory_schema, SCHEMA)
    _pay_once(mysql.url(SCHEMA), admins)
    payment = rows.read(mysql, SCHEMA, "HW")
    mysql.query(SCHEMA, _procedure(payment))
    return payment


def migrate(url: str) -> None:
    """Let billing make its tables in a schema."""
    environment = os.environ | {"REJESHA_DATABASE_URL": url, "REJESHA_BILLING_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "billing", "migrate"], env=environment, check=True, capture_output=True)


def copy_directory(mysql: MySqlServer, source: str, target: str) -> None:
    """The same ISPs, wallets and customers, with the same ids."""
    for table in ("isps", "isp_wallet", "pppoe_users"):
        columns = mysql.query(
            "mysql",
            "SELECT column_name AS name FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s AND generation_expression = ''",
            target,
            table,
        )
        names = ", ".join(f"`{row['name']}`" for row in columns)
        mysql.query(target, f"INSERT INTO {target}.{table} ({names}) SELECT {names} FROM {source}.{table}")


def sample(trans_id: str, reference: str) -> Payment:
    """A payment as the gateway hands it to billing."""
    return Payment(
        trans_id=trans_id,
        amount_cents=100_000,
        business_short_code="600100",
        bill_ref_number=reference,
        transaction_type="Pay Bill",
        trans_time="20261123101500",
        org_account_balance_cents=4_919_700,
        msisdn="2547 ***** 126",
        first_name="JANE",
        callback_body=b'{"TransactionType":"Pay Bill","TransID":"%s",' % trans_id.encode() + b" " * 200 + b"}",
        source_address="127.0.0.1",
    )


def _pay_once(url: str, admins: tuple[str, ...]) -> None:
    engine = engines.create_engine(url)
    (receipt,) = intake.record(engine, Policy(admins), [sample(TRANS_ID, "0000HW")], HeldRows(engine))
    assert receipt.outcome == "customer_paid"
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM tasks")).scalar_one() == 2
    engine.dispose()


def _procedure(payment: PaymentRows) -> str:
    """One transaction; the wallet, which all want, is locked last."""
    inserts = "\n".join(_insert(table) for table in payment.inserts)
    return f"""
        CREATE PROCEDURE {PROCEDURE}() BEGIN
          DECLARE trans VARCHAR(100) DEFAULT CONCAT('R', UUID_SHORT());
          DECLARE customer INT DEFAULT {payment.first_customer} + FLOOR(RAND() * {payment.customers});
          START TRANSACTION;
          {inserts}
          UPDATE pppoe_users SET next_payment_date = next_payment_date + INTERVAL 1 MONTH WHERE id = customer;
          UPDATE isp_wallet SET balance = balance + {payment.amount}, last_updated = NOW(6)
           WHERE isp_id = {payment.isp_id};
          COMMIT;
        END"""


def _insert(table: rows.Inserts) -> str:
    values = ", ".join("(" + ", ".join(_in_procedure(literal) for literal in row) + ")" for row in table.rows)
    columns = ", ".join(f"`{name}`" for name in table.columns)
    return f"INSERT INTO {table.table} ({columns}) VALUES {values};"


def _in_procedure(literal: str) -> str:
    if literal == "@customer":
        return "customer"
    return f"REPLACE({literal}, '{TRANS_ID}', trans)" if TRANS_ID in literal else literal
