"""Databases of the predecessor that are not like the others, and what `migrate` says of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from billing import adoption
from billing.__main__ import MIGRATIONS
from servicekit.schema.findings import Findings

from servicekit import engines, migrate
from tests.billing.adoption import predecessor

# The four tables that its documentation tells of; the others it uses without saying so.
SEED = [
    """CREATE TABLE pppoe_users (
        id INT PRIMARY KEY AUTO_INCREMENT, full_name VARCHAR(255), username VARCHAR(100), account_name VARCHAR(100),
        amount DECIMAL(10,2), router_id INT, isp_id INT, status ENUM('active', 'inactive'), next_payment_date DATE,
        phone VARCHAR(20), created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE paybill_payments (
        id INT PRIMARY KEY AUTO_INCREMENT, TransactionType VARCHAR(50), TransID VARCHAR(100) UNIQUE,
        TransTime VARCHAR(50), TransAmount DECIMAL(10,2), BusinessShortCode VARCHAR(50), BillRefNumber VARCHAR(100),
        InvoiceNumber VARCHAR(100), OrgAccountBalance DECIMAL(10,2), ThirdPartyTransID VARCHAR(100),
        MSISDN VARCHAR(20), FirstName VARCHAR(100), received_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE isp_wallet (
        id INT PRIMARY KEY AUTO_INCREMENT, isp_id INT, balance DECIMAL(10,2) DEFAULT 0,
        last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE payment_debug_log (
        id INT AUTO_INCREMENT PRIMARY KEY, transaction_id VARCHAR(255) NOT NULL, category VARCHAR(100) NOT NULL,
        message TEXT NOT NULL, details JSON, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)""",
]
ISPS = """CREATE TABLE isps (
    id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), smsaccount VARCHAR(50), waaccount VARCHAR(50),
    pay_account_number VARCHAR(50), contact_phone VARCHAR(20))"""
ONE_ISP = "INSERT INTO isps (id, name, pay_account_number) VALUES (1, 'Demo Networks', 'ACC001')"
ONE_CUSTOMER = """INSERT INTO pppoe_users (full_name, account_name, amount, isp_id, status, next_payment_date)
    VALUES ('Amina', '0949AQ', 1000, 1, 'inactive', '2024-01-31')"""
PREDECESSOR = [*SEED, ISPS, ONE_ISP, ONE_CUSTOMER]


# Their rows are numbered by the migration itself, so with a gap after what was rolled back.
NUMBERED_ANEW = {"isp_credits", "wallet_entries", "ledger_transfers"}


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def in_engine(name: str, statements: list[str]) -> list[str]:
    """The same tables, kept by another engine."""
    return [f"{one} ENGINE={name}" if one.startswith("CREATE TABLE") else one for one in statements]


def upgrade(engine: sa.Engine) -> None:
    migrate.upgrade(engine, "billing", MIGRATIONS)


def look(engine: sa.Engine) -> Findings:
    with engine.connect() as connection:
        return adoption.inspect(connection)


def dump(engine: sa.Engine) -> dict[str, object]:
    """Every table with its definition and rows."""
    with engine.connect() as connection:
        tables = connection.exec_driver_sql("SHOW FULL TABLES").all()
        return {
            name: (connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").one()[1], _rows(connection, name))
            for name, _ in tables
        }


def everything(engine: sa.Engine) -> dict[str, object]:
    """All tables with definition and rows; moments of our own left out."""
    found = {}
    for table in sorted(sa.inspect(engine).get_table_names()):
        with engine.connect() as connection:
            ddl = connection.exec_driver_sql(f"SHOW CREATE TABLE {table}").one()[1]
        ddl = re.sub(r" AUTO_INCREMENT=\d+", "", ddl)  # what was rolled back leaves a gap
        columns = [
            name
            for name in predecessor.columns_of(engine, table)
            if name not in {"created_at", "create_time", "last_updated"}
        ]
        columns = [name for name in columns if name != "received_at"]
        if table in NUMBERED_ANEW:
            columns.remove("id")
        keys = sorted(line.strip(" ,") for line in ddl.splitlines())  # the order of columns follows the order of steps
        found[table] = (keys, sorted(predecessor.read(engine, table, sorted(columns)), key=str))
    return found


def _rows(connection: sa.Connection, table: str) -> list[object]:
    return sorted(map(str, connection.exec_driver_sql(f"SELECT * FROM `{table}`").all()))


@contextmanager
def another_schema(url: str) -> Iterator[sa.Engine]:
    """A schema beside a test's own."""
    own = sa.make_url(url)
    engine = engines.create_engine(url)
    other = f"{own.database}_other"
    run(engine, f"CREATE DATABASE {other} CHARACTER SET utf8mb4")
    beside = engines.create_engine(own.set(database=other).render_as_string(hide_password=False))
    try:
        yield beside
    finally:
        beside.dispose()
        run(engine, f"DROP DATABASE {other}")
        engine.dispose()


@contextmanager
def user_with(url: str, *grants: str) -> Iterator[str]:
    """The address of the schema for a user of its own with these rights; {schema} stands for its name."""
    own = sa.make_url(url)
    # MariaDB may have a nameless user at localhost, who comes before one from anywhere.
    users = [f"'u{own.database[-12:]}'@'{host}'" for host in ("%", "localhost")]
    engine = engines.create_engine(url)
    for user in users:
        run(engine, f"CREATE USER {user} IDENTIFIED BY 'secret'")
        run(engine, *(f"GRANT {grant.format(schema=own.database)} TO {user}" for grant in grants))
    try:
        yield own.set(username=f"u{own.database[-12:]}", password="secret").render_as_string(hide_password=False)
    finally:
        run(engine, *(f"DROP USER {user}" for user in users))
        engine.dispose()
