"""Two rows of one ISP become one: what refers to the other refers to it then, and no row of the ISP's own is lost."""

import pytest
from billing.schema import ledger_transfers
from servicekit.schema.findings import Refused

from servicekit import engines
from tests.billing.adoption.adopting import PREDECESSOR, another_schema, dump, look, run, upgrade, user_with
from tests.billing.adoption.predecessor import read
from tests.billing.desk import Desk

TWO_WALLETS = [
    *PREDECESSOR,
    "INSERT INTO isp_wallet (id, isp_id, balance) VALUES (1, 1, 100), (2, 1, 23), (3, 2, 5)",
]


@pytest.fixture
def old(server_url):
    engine = engines.create_engine(server_url)
    run(engine, *TWO_WALLETS)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL", "RESTRICT"])
@pytest.mark.parametrize("table", ["isp_wallet", "isp_credits"])
def test_rows_that_refer_to_a_merged_row_refer_to_the_one_that_stays(old, table, rule):
    run(
        old,
        "CREATE TABLE isp_credits (id INT PRIMARY KEY AUTO_INCREMENT, isp_id INT, sms_credits INT)",
        "INSERT INTO isp_credits VALUES (1, 1, 100), (2, 1, 23), (3, 2, 5)",
        f"""CREATE TABLE withdrawals (n INT PRIMARY KEY, of_row INT, note VARCHAR(20),
            FOREIGN KEY (of_row) REFERENCES {table} (id) ON DELETE {rule})""",
        "INSERT INTO withdrawals VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 2, 'd'), (5, NULL, 'e')",
    )
    upgrade(old)
    assert read(old, "withdrawals") == [(1, 1, "a"), (2, 1, "b"), (3, 3, "c"), (4, 1, "d"), (5, None, "e")]
    column = "balance" if table == "isp_wallet" else "sms_credits"
    assert read(old, table, ("id", "isp_id", column)) == [(1, 1, 123), (3, 2, 5)]
    assert read(old, f"{table}_doubled", ("id", "isp_id", column)) == [(2, 1, 23)]


def test_keys_onto_other_columns_and_onto_several_are_followed_too(old):
    run(
        old,
        "ALTER TABLE isp_wallet ADD KEY (isp_id), ADD UNIQUE KEY pair (id, isp_id), ADD code VARCHAR(9) UNIQUE",
        "UPDATE isp_wallet SET code = CONCAT('W', id)",
        """CREATE TABLE by_code (n INT PRIMARY KEY, code VARCHAR(9),
            FOREIGN KEY (code) REFERENCES isp_wallet (code) ON DELETE CASCADE)""",
        """CREATE TABLE by_pair (n INT PRIMARY KEY, wallet INT, isp INT,
            FOREIGN KEY (wallet, isp) REFERENCES isp_wallet (id, isp_id) ON DELETE CASCADE)""",
        "INSERT INTO by_code VALUES (1, 'W1'), (2, 'W2')",
        "INSERT INTO by_pair VALUES (1, 1, 1), (2, 2, 1)",
    )
    upgrade(old)
    assert read(old, "by_code") == [(1, "W1"), (2, "W1")]
    assert read(old, "by_pair") == [(1, 1, 1), (2, 1, 1)]


def test_a_key_in_another_schema_is_followed(old, server_url):
    with another_schema(server_url) as other:
        run(
            other,
            f"""CREATE TABLE payouts (n INT PRIMARY KEY, wallet INT,
                FOREIGN KEY (wallet) REFERENCES {old.url.database}.isp_wallet (id) ON DELETE CASCADE)""",
            "INSERT INTO payouts VALUES (1, 1), (2, 2)",
        )
        upgrade(old)
        assert read(other, "payouts") == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    "right", [["SELECT ON {schema}_other.*"], []], ids=["it may only be read", "it cannot be seen"]
)
def test_a_key_in_another_schema_that_cannot_be_followed_is_said_before_anything_is_changed(old, server_url, right):
    with another_schema(server_url) as other:
        run(
            other,
            f"""CREATE TABLE payouts (n INT PRIMARY KEY, wallet INT,
                FOREIGN KEY (wallet) REFERENCES {old.url.database}.isp_wallet (id) ON DELETE CASCADE)""",
            "INSERT INTO payouts VALUES (1, 1), (2, 2)",
        )
        before = dump(old)
        with user_with(server_url, "ALL ON {schema}.*", *right) as url:
            engine = engines.create_engine(url)
            # MariaDB does not show a key to who may only read.
            said = r"payouts \(wallet\) refers to doubled rows .* GRANT UPDATE|the database's user cannot see"
            with pytest.raises(Refused, match=said):
                upgrade(engine)
            engine.dispose()
        assert dump(old) == before
        assert read(other, "payouts") == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            [
                """CREATE TABLE limits (wallet INT PRIMARY KEY, most INT,
                    FOREIGN KEY (wallet) REFERENCES isp_wallet (id) ON DELETE CASCADE)""",
                "INSERT INTO limits VALUES (1, 10), (2, 20)",
            ],
            r"limits \(wallet\).*PRIMARY on wallet allows one row where there would be 2",
        ),
        (
            [
                """CREATE TABLE days (wallet INT, day INT, PRIMARY KEY (wallet, day),
                    FOREIGN KEY (wallet) REFERENCES isp_wallet (id) ON DELETE CASCADE)""",
                """CREATE TABLE sums (wallet INT, day INT,
                    FOREIGN KEY (wallet, day) REFERENCES days (wallet, day) ON DELETE CASCADE)""",
                "INSERT INTO days VALUES (1, 1), (2, 2)",
                "INSERT INTO sums VALUES (2, 2)",
            ],
            r"sums \(wallet, day\) refers to it in turn",
        ),
        (
            ["CREATE TRIGGER gone AFTER DELETE ON isp_wallet FOR EACH ROW DELETE FROM pppoe_users"],
            r"isp_wallet has doubled rows.*trigger.*gone",
        ),
    ],
    ids=["a unique key would be violated", "others refer to the reference", "a trigger on DELETE"],
)
def test_what_cannot_be_repointed_is_said_before_anything_is_changed(old, statements, said):
    run(old, *statements)
    before = dump(old)
    with pytest.raises(Refused, match=said):
        upgrade(old)
    assert dump(old) == before


def test_a_unique_key_that_stays_unique_is_no_obstacle(old):
    run(
        old,
        """CREATE TABLE days (wallet INT, day INT, PRIMARY KEY (wallet, day),
            FOREIGN KEY (wallet) REFERENCES isp_wallet (id) ON DELETE CASCADE)""",
        "INSERT INTO days VALUES (1, 1), (2, 2)",
    )
    assert not look(old).obstacles
    upgrade(old)
    assert read(old, "days") == [(1, 1), (1, 2)]
    assert [row.amount for row in Desk(old).rows(ledger_transfers)] == [12_300, 500]
