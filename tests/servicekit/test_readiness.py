"""Whether a process counts as ready, and what it does while its database is away, read only, or not fit."""

import time
from contextlib import contextmanager

import grpc
import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.database import transact
from servicekit.engines import create_engine
from servicekit.rpc import channel
from servicekit.rpc.errors import DatabaseUnavailable, ServiceError
from servicekit.rpc.server import Server
from servicekit.selftest import Readiness, SelfTest, table_of

from tests import mariadb, mysql
from tests.databases import SERVERS
from tests.switchboard import switchboard

metadata = sa.MetaData()
things = sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True), mysql_engine="InnoDB")
SCHEMA = "test_readiness"


class OwnServer:
    """A server whose global settings a test may change, with a schema; `url` is of a user whom they bind."""

    def __init__(self, root: sa.URL, read_only: str) -> None:
        self._engine = sa.create_engine(root, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._read_only = read_only
        for statement in (
            f"CREATE DATABASE IF NOT EXISTS {SCHEMA}",
            "CREATE USER IF NOT EXISTS 'app'@'%%' IDENTIFIED BY 'app'",
            f"GRANT ALL ON {SCHEMA}.* TO 'app'@'%%'",
        ):
            self.run(statement)
        self.port = root.port
        self.url = root.set(username="app", password="app", database=SCHEMA)
        engine = create_engine(self.address())
        metadata.create_all(engine)
        table_of("example").create(engine)
        engine.dispose()

    def address(self, port=None):
        return str_of(self.url.set(port=port or self.port))

    def run(self, statement):
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(statement, ())

    def take_writes(self, yes):
        # Of the two that MySQL has, the weaker one switched off takes the stronger one with it.
        self.run("SET GLOBAL read_only = OFF" if yes else f"SET GLOBAL {self._read_only} = ON")


@contextmanager
def started(kind):
    """A server of our own: a container of MySQL, or a process of MariaDB."""
    if kind == "mariadb":
        with mariadb.running() as root:
            yield OwnServer(root, "read_only")
    else:
        with mysql.running() as server:
            yield OwnServer(server.url, "super_read_only")


@pytest.fixture(scope="module", params=SERVERS)
def own_server(request):
    request.getfixturevalue(f"{request.param}_server")  # skips where there is none
    with started(request.param) as server:
        yield server


def str_of(url):
    return url.render_as_string(hide_password=False)


def refused(connected):
    """The reason for which an RPC is refused; empty if it is not."""
    try:
        connected.unary_unary("/test.Echo/Say")(b"", timeout=20)
    except ServiceError as error:
        return error.reason
    return ""


@contextmanager
def serving(engine):
    """A server with one RPC, which does nothing: a channel to it, a list that it appends to when it begins, itself."""
    began = []
    readiness = Readiness(SelfTest(engine, "example", metadata))
    server = Server("127.0.0.1:0", threads=2, probe=readiness, begin=lambda: began.append(1))
    echo = {"Say": grpc.unary_unary_rpc_method_handler(lambda request, _context: request)}
    server.grpc.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", echo)])
    server.start()
    with channel.connect(f"127.0.0.1:{server.port}", service="test") as connected:
        yield connected, began, server
    server.stop(0)
    engine.dispose()


def is_ready(connected):
    answer = health_pb2_grpc.HealthStub(connected).Check(health_pb2.HealthCheckRequest(), timeout=20)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def insert(engine, number):
    transact(engine, lambda connection: connection.execute(sa.insert(things), [{"id": number}]))


def test_health_turns_with_a_server_that_stops_taking_writes_and_takes_them_again(own_server):
    engine = create_engine(own_server.address())
    with serving(engine) as (connected, _, _):
        assert is_ready(connected)
        own_server.take_writes(False)
        try:
            wait_until(lambda: not is_ready(connected))
            with pytest.raises(DatabaseUnavailable, match="takes no writes: 1290"):
                insert(engine, 1)
        finally:
            own_server.take_writes(True)
        wait_until(lambda: is_ready(connected))
        insert(engine, 1)


@pytest.mark.mariadb
def test_after_a_failover_the_pool_leaves_the_server_that_became_read_only(mariadb_server):
    with switchboard() as board, started("mariadb") as old, started("mariadb") as writer:
        board.target = old.port
        engine = create_engine(old.address(board.port))
        for held in [engine.connect() for _ in range(5)]:
            held.close()  # into the pool
        old.take_writes(False)
        board.target = writer.port
        insert(engine, 7)  # nobody notices
        assert writer.run(f"SELECT id FROM {SCHEMA}.things").scalars().all() == [7]
        several = [engine.connect() for _ in range(5)]
        assert {one.exec_driver_sql("SELECT @@port").scalar() for one in several} == {writer.port}
        for one in several:
            one.close()
        engine.dispose()


@pytest.mark.mariadb
def test_a_database_that_is_away_at_the_start_is_waited_for_and_then_tested(mariadb_server, mariadb_url):
    direct = create_engine(mariadb_url)
    metadata.create_all(direct)
    table_of("example").create(direct)
    there = sa.make_url(mariadb_url)
    with (
        switchboard() as board,
        serving(create_engine(str_of(there.set(port=board.port)))) as (connected, began, _),
    ):
        assert not is_ready(connected)
        assert refused(connected) == "DATABASE_UNAVAILABLE"
        assert began == []
        board.target = there.port
        wait_until(lambda: is_ready(connected))
        assert refused(connected) == ""
        assert began == [1]
    direct.dispose()


@pytest.mark.mariadb
def test_a_refused_login_is_waited_out_and_an_unfit_database_that_it_hid_ends_the_process(mariadb_server, mariadb_url):
    direct = create_engine(mariadb_url)
    metadata.create_all(direct)
    table_of("example").create(direct)
    there = sa.make_url(mariadb_url).set(username="late", password="late")
    with serving(create_engine(str_of(there))) as (connected, began, server):
        assert refused(connected) == "DATABASE_REFUSES"
        with direct.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE things ENGINE=Aria")
            connection.exec_driver_sql("CREATE USER 'late'@'%%' IDENTIFIED BY 'late'", ())
            connection.exec_driver_sql(f"GRANT ALL ON {there.database}.* TO 'late'@'%%'", ())
        wait_until(server.ended.is_set)
        assert server.unfit.faults == ["the table things is kept by Aria, not by InnoDB, and has no transactions"]
        assert began == []
        assert refused(connected) == "DATABASE_REFUSES"
        with direct.begin() as connection:
            connection.exec_driver_sql("DROP USER 'late'@'%%'", ())
    direct.dispose()
