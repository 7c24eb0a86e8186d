"""Each service's database user may do what its statements need on its own tables, and nothing else.

That this is enough for everything that the system does, tests/system shows: there the services have no other users.
"""

import billing.schema
import notify.schema
import pytest
import router_control.schema
import sqlalchemy as sa
from servicekit.engines import create_engine
from servicekit.schema import grants, rights
from servicekit.selftest import SelfTest

from servicekit import migrate
from tests import database_users

TABLES = {
    "billing": billing.schema.metadata,
    "router_control": router_control.schema.metadata,
    "notify": notify.schema.metadata,
}


@pytest.fixture
def users(server_url):
    with database_users.of(server_url) as made:
        yield made


def run(url, statement):
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def grants_of(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        held = rights.read(connection)
    engine.dispose()
    return {key: sorted(words) for key, words in held.granted.items()}


def refuses(url, statement):
    with pytest.raises(sa.exc.DBAPIError) as refused:
        run(url, statement)
    return refused.value.orig.args[0] in {1044, 1142, 1227}


def test_each_service_can_test_its_database_and_touch_no_other_s(users):
    for service, url in users.services.items():
        engine = create_engine(url)
        assert not [fault for _, fault in SelfTest(engine, service, TABLES[service]).checks() if fault]
        engine.dispose()
        others = [table for name, tables in TABLES.items() if name != service for table in tables.tables]
        assert others
        for table in others:
            assert refuses(url, f"SELECT * FROM {table}"), (service, table)
            assert refuses(url, f"DELETE FROM {table}"), (service, table)


def test_nobody_who_serves_changes_a_table_and_history_is_only_added_to(users):
    for service, url in users.services.items():
        for table in TABLES[service].tables:
            assert refuses(url, f"DROP TABLE {table}"), table
            assert refuses(url, f"ALTER TABLE {table} COMMENT 'x'"), table
        assert refuses(url, "CREATE TABLE mine (id INT)")
        assert refuses(url, f"UPDATE {migrate.version_table(service)} SET version_num = 'x'")
    for table in ("ledger_transfers", "payment_debug_log", "credit_transactions", "payment_deliveries"):
        assert refuses(users.services["billing"], f"UPDATE {table} SET id = id"), table
    # What is no money is deleted when it is old.
    for table in ("ledger_transfers", "credit_transactions", "user_transactions_in", "paybill_payments", "pppoe_users"):
        assert refuses(users.services["billing"], f"DELETE FROM {table}"), table


def test_a_billing_of_the_release_before_may_still_write_what_it_writes(users):
    """Rights are given before services are replaced: the older ones take payments meanwhile."""
    entry = "INSERT INTO wallet_entries (isp_id, kind, amount, balance_after, create_time) VALUES (1, 'x', 1, 1, NOW())"
    run(users.services["billing"], entry)


def test_the_migrating_user_migrates_from_nothing_and_back_and_sees_no_other_schema(users):
    engine = create_engine(users.migrating, answer_seconds=60)
    for service, (migrations, _) in database_users.SERVICES.items():
        migrate.downgrade(engine, service, migrations)
        migrate.upgrade(engine, service, migrations)
    engine.dispose()
    assert refuses(users.migrating, "SELECT * FROM mysql.user")


def test_granting_again_changes_nothing_and_takes_back_what_is_not_needed_any_more(users):
    url = users.services["notify"]
    before = grants_of(url)
    users.grant("notify")
    assert grants_of(url) == before
    run(users.admin, f"GRANT DELETE, INDEX ON messages TO {sa.make_url(url).username}")
    run(users.admin, f"GRANT SELECT ON isps TO {sa.make_url(url).username}")
    assert grants_of(url) != before
    users.grant("notify")
    assert grants_of(url) == before


def test_a_table_that_a_migration_adds_is_for_its_service_once_granted_again(users):
    run(users.migrating, "CREATE TABLE later (id INT)")
    assert refuses(users.services["notify"], "INSERT INTO later VALUES (1)")
    users.grant("notify", more={"later": grants.ADD})
    run(users.services["notify"], "INSERT INTO later VALUES (1)")
    assert refuses(users.services["notify"], "DELETE FROM later")
    assert refuses(users.services["billing"], "SELECT * FROM later")


def test_a_user_of_a_whole_schema_or_the_administrator_loses_nothing(users):
    name = sa.make_url(users.services["notify"]).username
    run(users.admin, f"GRANT ALL ON {sa.make_url(users.admin).database}.* TO {name}")
    with pytest.raises(SystemExit, match="rights on tables"):
        users.grant("notify")
    with pytest.raises(SystemExit, match="is the administrator"):
        users.grant("notify", sa.make_url(users.admin).set(password="any").render_as_string(hide_password=False))
