"""The proxy strikes at the very packet: seen by what MySQL then holds and what the client was told."""

import pymysql
import pytest
import sqlalchemy as sa

from chaos.background import Background
from chaos.ports import free_port
from chaos.proxy import Moment, MysqlProxy

pytestmark = pytest.mark.mysql


@pytest.fixture
def background():
    loop = Background()
    yield loop
    loop.close()


@pytest.fixture
def engine(mysql_url):
    direct = sa.create_engine(mysql_url)
    with direct.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE paybill_payments (TransID VARCHAR(100))")
    yield direct
    direct.dispose()


@pytest.fixture
def proxy(background, engine):
    between = MysqlProxy(free_port(), engine.url.port)
    background.do(between.start())
    yield between
    background.do(between.stop())


def store(engine, port):
    """One payment through the proxy; the driver's own connection, so that nothing is tried again."""
    url = engine.url
    client = pymysql.connect(
        host="127.0.0.1", port=port, user=url.username, password=url.password, database=url.database, read_timeout=2
    )
    try:
        with client.cursor() as cursor:
            cursor.execute("INSERT INTO paybill_payments (TransID) VALUES (%s)", ["TKE34A5QM8"])
        client.commit()
    finally:
        if client.open:
            client._force_close()


def count(engine):
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM paybill_payments").scalar()


def test_without_a_trap_everything_passes_and_every_moment_is_seen(engine, proxy):
    seen = []
    proxy.trap = lambda moment: bool(seen.append(moment))
    store(engine, proxy.port)
    assert seen == [Moment.INSERT, Moment.COMMIT, Moment.COMMITTED]
    assert count(engine) == 1


@pytest.mark.parametrize(("where", "rows"), [(Moment.INSERT, 0), (Moment.COMMIT, 0), (Moment.COMMITTED, 1)])
def test_a_cut_leaves_the_client_without_an_answer_and_mysql_with_what_it_had_got(engine, proxy, where, rows):
    proxy.trap = lambda moment: moment == where
    with pytest.raises(pymysql.err.OperationalError):
        store(engine, proxy.port)
    assert count(engine) == rows


def test_a_silent_proxy_answers_nothing_until_it_speaks_again(engine, proxy, background):
    background.do(proxy.fall_silent())
    with pytest.raises(pymysql.err.OperationalError):
        store(engine, proxy.port)
    background.do(proxy.speak_again())
    store(engine, proxy.port)
    assert count(engine) == 1


def test_a_demoted_session_is_refused_what_it_writes_and_a_new_one_is_not(engine, proxy, background):
    client = pymysql.connect(
        host="127.0.0.1",
        port=proxy.port,
        user=engine.url.username,
        password=engine.url.password,
        database=engine.url.database,
    )
    with client, client.cursor() as cursor:
        cursor.execute("SELECT 1")
        client.rollback()
        background.do(proxy.demote())
        cursor.execute("SELECT count(*) FROM paybill_payments")
        assert cursor.fetchall() == ((0,),)
        client.rollback()
        with pytest.raises(pymysql.err.OperationalError, match="1792"):
            cursor.execute("INSERT INTO paybill_payments (TransID) VALUES ('A')")
    store(engine, proxy.port)
    assert count(engine) == 1
