"""`migrate --check` names every obstacle at once in words and changes nothing; `migrate` refuses in the same words."""

import pytest
import sqlalchemy as sa
from billing.payments.rules import Outcome

from servicekit import engines
from tests.billing.adoption.adopting import (
    ONE_CUSTOMER,
    PREDECESSOR,
    SEED,
    dump,
    look,
    run,
    upgrade,
    user_with,
)
from tests.billing.desk import Desk

WALLETS = SEED[2]


@pytest.fixture
def engine(server_url):
    engine = engines.create_engine(server_url)
    yield engine
    engine.dispose()


# What an ISP's own screens may have made of its database, and what we say of it.
OBSTACLES = {
    "an own table named tasks": ["CREATE TABLE tasks (id INT, title TEXT)", "tasks is a table of your own"],
    "an own table named quarantine": ["CREATE TABLE quarantine (id INT)", "quarantine is a table of your own"],
    "an own table named payment_deliveries": [
        "CREATE TABLE payment_deliveries (id INT)",
        "payment_deliveries is a table of your own",
    ],
    "an own table named wallet_entries": ["CREATE TABLE wallet_entries (id INT)", "wallet_entries is a table of your"],
    "a view": ["CREATE VIEW isp_credits AS SELECT 1 AS isp_id", "isp_credits is a view"],
    "an own outcome": ["ALTER TABLE paybill_payments ADD outcome INT", "paybill_payments.outcome (int"],
    "own words in outcome": [
        "ALTER TABLE paybill_payments ADD outcome VARCHAR(30) DEFAULT 'checked'",
        "INSERT INTO paybill_payments (TransID) VALUES ('A1')",
        "words that are not ours, such as 'checked'",
    ],
    "an own key": ["ALTER TABLE pppoe_users ADD account_key VARCHAR(50)", "pppoe_users.account_key (varchar(50))"],
    "times in a date": [
        "ALTER TABLE pppoe_users MODIFY next_payment_date DATETIME",
        "UPDATE pppoe_users SET next_payment_date = '2024-01-31 12:00:00'",
        "pppoe_users.next_payment_date (datetime) holds times of day",
    ],
    "a reference that is no number": [
        "ALTER TABLE pppoe_users MODIFY isp_id VARCHAR(10)",
        "pppoe_users.isp_id (varchar",
    ],
    "a status that is a number": [
        "ALTER TABLE pppoe_users DROP status, ADD status TINYINT",
        "pppoe_users.status (tinyint",
    ],
    "an amount in words": ["ALTER TABLE pppoe_users MODIFY amount VARCHAR(20)", "pppoe_users.amount (varchar(20))"],
    "a computed balance": [
        "ALTER TABLE isp_wallet DROP balance, ADD balance DECIMAL(10,2) AS (isp_id * 2) VIRTUAL",
        "isp_wallet.balance (decimal(10,2)) is computed by the database",
    ],
    "ids that are there twice": [
        "CREATE TABLE user_transactions_in (id INT, isp_id INT, reference VARCHAR(100))",
        "INSERT INTO user_transactions_in (id) VALUES (1), (1)",
        "user_transactions_in.id has no key, and some rows have the same number",
    ],
    "another numbered column": [
        "CREATE TABLE isp_credits (no INT PRIMARY KEY AUTO_INCREMENT, isp_id INT)",
        "isp_credits: the server numbers no",
    ],
    "a column that must be filled": [
        "ALTER TABLE payment_debug_log ADD clerk VARCHAR(20) NOT NULL",
        "payment_debug_log.clerk must be filled and has no default",
    ],
    "a unique key": [
        "ALTER TABLE payment_debug_log ADD UNIQUE KEY one_step (transaction_id, category)",
        "payment_debug_log has the unique key one_step on transaction_id, category",
    ],
    "a key too long": [
        "ALTER TABLE isps MODIFY name VARCHAR(1000) CHARACTER SET latin1, ADD KEY by_name (name)",
        "isps: the index by_name would be longer than 3072 bytes",
    ],
    "a row too long": [
        "ALTER TABLE isps MODIFY name VARCHAR(16000) CHARACTER SET latin1",
        "ALTER TABLE isps ADD notes VARCHAR(40000) CHARACTER SET latin1",
        "isps: a row in utf8mb4 would be longer than 65535 bytes",
    ],
    "two character sets in a FULLTEXT index": [
        "ALTER TABLE isps ADD notes TEXT CHARACTER SET latin1, MODIFY name VARCHAR(100) CHARACTER SET latin1",
        "ALTER TABLE isps ADD FULLTEXT KEY words (name, notes)",
        "isps: the FULLTEXT index words needs name, notes in one character set",
    ],
    "text that a foreign key holds": [
        "ALTER TABLE pppoe_users MODIFY account_name VARCHAR(100) CHARACTER SET latin1, ADD UNIQUE KEY (account_name)",
        """CREATE TABLE modems (account VARCHAR(100) CHARACTER SET latin1,
            FOREIGN KEY (account) REFERENCES pppoe_users (account_name))""",
        "pppoe_users.account_name (varchar(100)) is varchar(100) in latin1",
    ],
    "texts that become one": [
        "ALTER TABLE isps MODIFY name VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        "ALTER TABLE isps ADD UNIQUE KEY (name)",
        "INSERT INTO isps (name) VALUES ('Nät'), ('Nat')",
        "isps: some rows would be the same for the unique key name",
    ],
    "partitions": [
        "DROP TABLE isp_wallet",
        "CREATE TABLE isp_wallet (id INT, isp_id INT, balance INT) PARTITION BY HASH (id) PARTITIONS 2",
        "isp_wallet is partitioned",
    ],
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_an_obstacle_is_named_and_nothing_is_changed(engine, name):
    *statements, said = OBSTACLES[name]
    run(engine, *PREDECESSOR)
    run(engine, *statements)
    before = dump(engine)
    (obstacle,) = look(engine).obstacles
    assert said in obstacle
    assert dump(engine) == before


def test_all_obstacles_are_named_at_once_with_what_to_do_and_migrate_refuses(engine, server_url, command):
    run(
        engine,
        *PREDECESSOR,
        "CREATE TABLE tasks (id INT)",
        "CREATE TABLE quarantine (id INT)",
        "ALTER TABLE paybill_payments ADD outcome INT",
    )
    before = dump(engine)
    checked, migrated = command(server_url, "migrate", "--check"), command(server_url, "migrate")
    assert (checked.returncode, migrated.returncode) == (1, 1)
    for done in (checked, migrated):
        assert "RENAME TABLE tasks TO tasks_own" in done.stdout
        assert "RENAME TABLE quarantine TO quarantine_own" in done.stdout
        assert "ALTER TABLE paybill_payments RENAME COLUMN outcome TO outcome_own" in done.stdout
        assert "Traceback" not in done.stderr
    assert dump(engine) == before


# What is mended on the way, each with what is done by then.
MENDED = {
    "an id that nobody numbers": ["ALTER TABLE isps MODIFY id INT NOT NULL", "id: int"],
    "an id that nobody numbers and others refer to": [
        "ALTER TABLE isps MODIFY id INT NOT NULL",
        "CREATE TABLE sites (isp INT, FOREIGN KEY (isp) REFERENCES isps (id))",
        "id: ",
    ],
    "no primary key": ["ALTER TABLE isps MODIFY id INT, DROP PRIMARY KEY", "id: a key added"],
    "dates with midnight": ["ALTER TABLE pppoe_users MODIFY next_payment_date DATETIME", "becomes DATE"],
    "an ENUM without our words": ["ALTER TABLE pppoe_users MODIFY status ENUM('paid')", "status: enum('paid')"],
    "a status in words": ["ALTER TABLE pppoe_users MODIFY status VARCHAR(5)", "status: varchar(5)"],
    "a balance that must be filled": [
        "ALTER TABLE paybill_payments MODIFY OrgAccountBalance DECIMAL(10,2) NOT NULL",
        "OrgAccountBalance: ",
    ],
    "an amount without cents": ["ALTER TABLE pppoe_users MODIFY amount INT", "amount: int"],
    "an amount in floating point": ["ALTER TABLE isp_wallet MODIFY balance DOUBLE", "balance: double"],
    "long text in a key": ["ALTER TABLE payment_debug_log MODIFY transaction_id TEXT NOT NULL", "id: int"],
    "a trigger": [
        "CREATE TRIGGER watch AFTER INSERT ON isp_wallet FOR EACH ROW UPDATE isps SET contact_phone = ''",
        "balance",
    ],
    "partitions of the log": [
        "DROP TABLE payment_debug_log",
        """CREATE TABLE payment_debug_log (id INT AUTO_INCREMENT, transaction_id VARCHAR(255), category VARCHAR(100),
            message TEXT, details TEXT, created_at DATETIME, PRIMARY KEY (id)) PARTITION BY HASH (id) PARTITIONS 2""",
        "id: int",
    ],
}


@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_mended_is_mended_and_payments_run(engine, name):
    *statements, said = MENDED[name]
    run(engine, *PREDECESSOR)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = '', foreign_key_checks = 0")
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("SET SESSION sql_mode = DEFAULT, foreign_key_checks = 1")
    findings = look(engine)
    assert not findings.obstacles
    assert any(said in change for change in findings.changes)
    upgrade(engine)
    desk = Desk(engine)
    assert desk.pay("NEW1", "0949AQ").outcome is Outcome.CUSTOMER_PAID
    assert desk.pay("NEW2", "ACC001").outcome is Outcome.SERVICE_PAYMENT
    assert desk.wallet(1) == 200_000
    assert not look(engine).changes


def test_a_check_says_what_will_be_done_and_does_nothing(engine, server_url, command):
    run(engine, *PREDECESSOR, WALLETS.replace("isp_wallet", "isp_credit"))
    run(engine, "INSERT INTO isp_wallet (isp_id, balance) VALUES (1, 1), (1, 2)", "ALTER TABLE isps ENGINE=MyISAM")
    before = dump(engine)
    done = command(server_url, "migrate", "--check")
    assert done.returncode == 0, done.stdout
    assert "isps: converted from MyISAM to InnoDB" in done.stdout
    assert "isp_wallet: 1 rows whose isp_id another row has move to isp_wallet_doubled" in done.stdout
    assert dump(engine) == before


def test_the_four_documented_tables_alone_are_adopted_with_a_warning_that_nobody_can_be_paid_for(
    engine, server_url, command
):
    run(engine, *SEED, ONE_CUSTOMER)
    done = command(server_url, "migrate", "--check")
    assert done.returncode == 0, done.stdout
    assert "There is no table isps" in done.stdout
    assert "isp_not_found" in done.stdout
    upgrade(engine)
    assert Desk(engine).pay("NEW1", "0949AQ").outcome is Outcome.UNMATCHED
    run(engine, "INSERT INTO isps (id, name) VALUES (1, 'Demo')")
    assert Desk(engine).pay("NEW2", "0949AQ").outcome is Outcome.CUSTOMER_PAID


def test_accounts_that_are_there_twice_are_told(engine):
    run(engine, *PREDECESSOR, ONE_CUSTOMER.replace("0949AQ", "0949 aq"))
    findings = look(engine)
    assert not findings.obstacles
    assert any("0949AQ" in warning and "ambiguous" in warning for warning in findings.warnings)


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        (["SELECT, INSERT, UPDATE, DELETE ON {schema}.*"], "no right to CREATE, ALTER, INDEX"),
        (["SELECT ON {schema}.*"], "no right to INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX"),
        (["ALL ON *.*"], ""),
        (["SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON {schema}.*"], ""),
    ],
)
def test_missing_rights_are_named(engine, server_url, grants, said, command):
    run(engine, *PREDECESSOR)
    with user_with(server_url, *grants) as url:
        done = command(url, "migrate")
    assert (done.returncode, "Traceback" in done.stderr) == (1 if said else 0, False), done.stderr
    assert said in done.stdout


@pytest.mark.parametrize("wrong", [{"password": "no"}, {"database": "nowhere"}, {"port": 1}])
def test_a_wrong_address_is_one_sentence(server_url, wrong, command):
    url = sa.make_url(server_url).set(**wrong).render_as_string(hide_password=False)
    done = command(url, "migrate", "--check")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_an_empty_database_and_an_embedded_one_have_nothing_in_the_way(server_url, sqlite_url, command):
    for url in (server_url, sqlite_url):
        done = command(url, "migrate", "--check")
        assert (done.returncode, "Nothing stands in the way" in done.stdout) == (0, True), done.stdout
