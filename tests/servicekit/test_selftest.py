"""The self-test of a database: what it passes, and what it refuses and how it says so."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from servicekit.engines import create_engine
from servicekit.rpc.errors import DatabaseRefuses, DatabaseUnavailable
from servicekit.selftest import SelfTest, table_of

from servicekit import doctor

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(9)),
    mysql_engine="InnoDB",
)


def prepared(url):
    engine = create_engine(url)
    metadata.create_all(engine)
    table_of("example").create(engine)
    return engine


@pytest.fixture
def engine(database_url):
    engine = prepared(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def server_engine(server_url):
    engine = prepared(server_url)
    yield engine
    engine.dispose()


def run(engine, script):
    with engine.begin() as connection:
        return connection.exec_driver_sql(script)


def faults(engine):
    return {name: fault for name, fault in SelfTest(engine, "example", metadata).checks() if fault}


def rewriting(engine, *changes):
    """Makes a server that is deaf to some words."""

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def change(_connection, _cursor, statement, parameters, *_rest):
        for old, new in changes:
            statement = statement.replace(old, new)
        return statement, parameters

    return engine


def test_a_sound_database_passes_every_check_also_for_replicas_at_once_and_keeps_no_rows(engine):
    with ThreadPoolExecutor(3) as replicas:
        assert list(replicas.map(lambda _: faults(engine), range(3))) == [{}] * 3
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM selftest_example").scalar_one() == 0


def test_what_is_not_migrated_is_named_with_what_to_do(engine):
    run(engine, "ALTER TABLE things DROP COLUMN name")
    assert faults(engine) == {"tables": "the table things lacks name: run `rejesha migrate`"}
    run(engine, "DROP TABLE things")
    run(engine, "DROP TABLE selftest_example")
    missing = [f"the table {name} is missing: run `rejesha migrate`" for name in ("things", "selftest_example")]
    assert faults(engine) == {"tables": "; ".join(missing)}


@pytest.mark.parametrize("table", ["things", "selftest_example"])
@pytest.mark.parametrize("kind", ["MyISAM", "MEMORY"])
def test_a_table_without_transactions_is_refused_by_name(server_engine, table, kind):
    run(server_engine, f"ALTER TABLE {table} ENGINE={kind}")
    fault = f"the table {table} is kept by {kind}, not by InnoDB, and has no transactions"
    assert faults(server_engine) == {"tables": fault}


def test_a_server_that_accepts_the_words_of_a_lock_and_does_otherwise_is_refused(server_engine):
    url = server_engine.url.render_as_string(hide_password=False)
    waits = rewriting(create_engine(url), (" SKIP LOCKED", ""))
    locks_nothing = rewriting(
        create_engine(url), *((f" FOR UPDATE{how}", "") for how in (" SKIP LOCKED", " NOWAIT", ""))
    )
    skips_all = rewriting(create_engine(url), (" FOR UPDATE SKIP LOCKED", " LIMIT 0"))
    ignores_nowait = rewriting(create_engine(url), (" FOR UPDATE NOWAIT", ""))
    for deaf, said in (
        (waits, "SKIP LOCKED does not skip"),
        (locks_nothing, "FOR UPDATE does not lock"),
        (skips_all, "SKIP LOCKED passes over rows that nobody holds"),
        (ignores_nowait, "NOWAIT does not refuse"),
    ):
        found = faults(deaf)
        assert list(found) == ["row locks"]
        assert said in found["row locks"]
        deaf.dispose()


def test_a_server_that_undoes_nothing_is_refused(server_engine):
    assert "rollback" in faults(server_engine.execution_options(isolation_level="AUTOCOMMIT"))


def test_keys_that_may_be_doubled_are_refused(engine):
    run(engine, "DROP TABLE selftest_example")
    columns = "process VARCHAR(32), slot INT, text VARCHAR(10), written_at DATETIME"
    run(
        engine,
        f"CREATE TABLE selftest_example ({columns}){' CHARACTER SET utf8mb4' * (engine.dialect.name == 'mysql')}",
    )
    assert "unique keys" in faults(engine)


@pytest.mark.parametrize("deafness", ["SET NAMES latin1", "SET sql_mode = ''"])
def test_a_connection_on_which_our_settings_do_not_hold_is_refused(server_engine, deafness):
    url = server_engine.url.render_as_string(hide_password=False)
    behind_proxy = create_engine(url)
    sa.event.listen(behind_proxy, "connect", lambda connection, _record: connection.cursor().execute(deafness))
    assert list(faults(behind_proxy))[:1] == ["connection"]
    behind_proxy.dispose()


def test_a_database_that_cannot_be_asked_is_no_unfit_one(server_engine):
    url = server_engine.url
    with pytest.raises(DatabaseUnavailable, match="2003"):
        faults(create_engine(url.set(port=1).render_as_string(hide_password=False)))
    with pytest.raises(DatabaseRefuses, match="1045 Access denied"):
        faults(create_engine(url.set(username="nobody", password="wrong").render_as_string(hide_password=False)))


def test_the_doctor_says_how_mysql_writes_its_log_and_mariadb_has_no_choice(server_engine):
    checks = doctor.of_database(SelfTest(server_engine, "example", metadata))
    said = [one.found for one in checks if one.name == "innodb_log_writer_threads"]
    with server_engine.connect() as connection:
        there = connection.exec_driver_sql("SHOW GLOBAL VARIABLES LIKE 'innodb_log_writer_threads'").all()
    assert [words.partition(":")[0] for words in said] == [value for _, value in there]
