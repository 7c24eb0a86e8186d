"""The raw peer writes for a payment what billing writes for it, whatever billing's tables are by now."""

import secrets

import pymysql
import pytest

from benchmarks.mysql_server import MySqlServer
from benchmarks.raw import setup

PAID = {
    "paybill_payments": 1, "payment_deliveries": 1, "ledger_transfers": 1, "user_transactions_in": 1, "tasks": 2,
}  # fmt: skip


class Server(MySqlServer):
    """The tests' server in the benchmark's place."""

    def __init__(self, url):
        self._url = url

    def url(self, schema):
        return self._url.set(database=schema).render_as_string(hide_password=False)

    def connect(self, schema=None, **options):
        url = self._url
        return pymysql.connect(
            host=url.host, port=url.port, user=url.username, password=url.password, database=schema,
            **({"autocommit": True, "charset": "utf8mb4"} | options),
        )  # fmt: skip


@pytest.fixture
def server(mysql_server):
    server = Server(mysql_server)
    directory = f"directory_{secrets.token_hex(4)}"
    server.create(directory)
    setup.migrate(server.url(directory))
    server.query(directory, "INSERT INTO isps (id, name) VALUES (1, 'Demo')")
    server.query(
        directory,
        "INSERT INTO pppoe_users (full_name, username, account_name, amount, router_id, isp_id, status, phone)"
        " VALUES ('Jane', 'jane', '0000HW', 1000, 1, 1, 'inactive', '0712000000')",
    )
    yield server, directory
    for schema in (directory, setup.SCHEMA):
        server.query("mysql", f"DROP DATABASE IF EXISTS {schema}")


def test_a_raw_payment_leaves_the_rows_that_billing_writes(server):
    mysql, directory = server
    setup.create(mysql, directory, ("254700000001",))
    before = _rows(mysql)
    for _ in range(2):
        mysql.query(setup.SCHEMA, f"CALL {setup.PROCEDURE}()")
    assert {table: count - before[table] for table, count in _rows(mysql).items()} == {
        table: 2 * count for table, count in PAID.items()
    }
    assert mysql.number(setup.SCHEMA, "SELECT balance FROM isp_wallet") == 3 * 1000


def _rows(mysql):
    return {table: mysql.number(setup.SCHEMA, f"SELECT COUNT(*) FROM {table}") for table in PAID}
