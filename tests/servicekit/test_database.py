from contextlib import suppress
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pymysql.converters import convert_datetime, escape_datetime
from servicekit.database import transact
from servicekit.database_errors import describe
from servicekit.engines import create_engine
from servicekit.moments import UtcDateTime
from servicekit.rpc.errors import DatabaseRefuses, DatabaseUnavailable
from sqlalchemy.exc import IntegrityError

from servicekit import engines

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), unique=True),
    sa.Column("at", UtcDateTime),
    sa.Column("body", sa.LargeBinary),
)
NOW = datetime(2026, 11, 23, 4, 5, 6, 789012, tzinfo=UTC)


@pytest.fixture
def engine(database_url):
    engine = create_engine(database_url)
    things.metadata.create_all(engine)
    yield engine
    engine.dispose()


def names(engine):
    return transact(engine, lambda connection: list(connection.execute(sa.select(things.c.name)).scalars()))


def kill_others(engine):
    """End every other connection to this schema, as a restart of MySQL would."""
    with engine.connect() as connection:
        ids = connection.exec_driver_sql(
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        ).scalars()
        for id_ in list(ids):
            with suppress(sa.exc.OperationalError):  # "Unknown thread id": it went by itself meanwhile
                connection.exec_driver_sql(f"KILL {id_}")


@pytest.fixture
def mysql(mysql_url):
    engine = create_engine(mysql_url)
    things.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.mysql
def test_connections_that_died_in_the_pool_cost_nothing(mysql):
    names(mysql)  # leaves a connection in the pool
    kill_others(create_engine(mysql.url.render_as_string(hide_password=False)))
    assert names(mysql) == []


@pytest.mark.mysql
def test_a_transaction_whose_connection_dies_runs_once_more_as_a_whole(mysql):
    runs = []

    def work(connection):
        runs.append(connection.exec_driver_sql("SELECT COUNT(*) FROM things").scalar_one())
        connection.execute(sa.insert(things), [{"name": f"run {len(runs)}"}])
        if len(runs) == 1:
            kill_others(create_engine(mysql.url.render_as_string(hide_password=False)))
        return connection.exec_driver_sql("SELECT COUNT(*) FROM things").scalar_one()

    assert transact(mysql, work) == 1
    assert runs == [0, 0]
    assert names(mysql) == ["run 2"]


@pytest.mark.mysql
def test_a_database_that_stays_away_is_unavailable(mysql):
    runs = []

    def work(connection):
        runs.append(1)
        kill_others(create_engine(mysql.url.render_as_string(hide_password=False)))
        return connection.exec_driver_sql("SELECT 1").scalar_one()

    with pytest.raises(DatabaseUnavailable):
        transact(mysql, work)
    assert len(runs) == 2
    nowhere = create_engine("mysql://root:x@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        transact(nowhere, lambda connection: None)


def test_a_lost_race_for_a_key_is_run_again_and_sees_the_winner(engine):
    runs = []

    def work(connection):
        found = connection.execute(sa.select(things.c.name)).scalars().all()
        runs.append(found)
        if len(runs) == 1:  # as if another transaction had inserted it after our look
            raise sa.exc.IntegrityError("INSERT", {}, Exception(1062, "UNIQUE constraint failed: things.name"))
        return found

    transact(engine, lambda connection: connection.execute(sa.insert(things), [{"name": "winner"}]))
    assert transact(engine, work) == ["winner"]
    assert len(runs) == 2


def test_what_is_said_of_an_error_names_tables_and_columns_and_no_row(engine):
    with engine.begin() as connection:
        connection.execute(sa.insert(things), [{"name": "WANJIKU"}])
    named = {
        "SELECT * FROM people": ("people", DatabaseRefuses),
        "SELECT WANJIKU FROM": ("", DatabaseRefuses),  # quotes the statement
        "INSERT INTO things (name) VALUES ('WANJIKU')": ("", IntegrityError),
    }
    for statement, (name, kind) in named.items():
        with pytest.raises(kind) as refused:
            transact(engine, lambda connection, text=statement: connection.exec_driver_sql(text))
        said = str(refused.value) if kind is DatabaseRefuses else describe(refused.value)
        assert name in said
        assert "WANJIKU" not in said
        assert any(number in said for number in ("1146", "1064", "1062", "SQLITE_"))


@pytest.mark.mariadb
@pytest.mark.parametrize("scheme", ["mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"])
def test_both_names_of_the_server_s_kind_mean_the_same(mariadb_url, scheme):
    engine = create_engine(mariadb_url.replace("mysql+pymysql", scheme))
    things.metadata.create_all(engine)
    transact(engine, lambda connection: connection.execute(sa.insert(things), [{"name": "a", "at": NOW, "body": b""}]))
    assert transact(engine, lambda connection: connection.execute(sa.select(things.c.at)).scalar_one()) == NOW
    engine.dispose()


@given(st.datetimes() | st.datetimes(timezones=st.just(UTC)))
def test_moments_are_written_and_read_as_the_driver_would(moment):
    written = engines._write_moment(moment)
    assert written == escape_datetime(moment)
    assert (
        engines._read_moment(written.strip("'")) == convert_datetime(written.strip("'")) == moment.replace(tzinfo=None)
    )


@pytest.mark.parametrize("written", ["0000-00-00 00:00:00", "2026-02-31 10:00:00", "2026-11-26 10:00:00"])
def test_a_predecessor_s_moment_that_is_none_is_read_as_the_driver_reads_it(written):
    assert engines._read_moment(written) == convert_datetime(written)
