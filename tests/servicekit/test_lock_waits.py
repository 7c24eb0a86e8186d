"""How long a transaction waits for a row that somebody else holds, and for whom it goes on waiting."""

import queue
import threading
import time
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.database import transact
from servicekit.engines import create_engine
from servicekit.lock_waits import rows_within
from servicekit.rpc import call, channel
from servicekit.rpc.errors import DeadlineExceeded, RowLocked
from servicekit.rpc.server import Server

things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
LOCK = sa.select(things.c.id).where(things.c.id.in_([1, 2])).order_by(things.c.id).with_for_update()


@pytest.fixture
def engine(server_url):
    engine = create_engine(server_url)
    things.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(things), [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    yield engine
    engine.dispose()


@contextmanager
def second_row_held(engine):
    with engine.begin() as other:
        other.exec_driver_sql("UPDATE things SET n = 1 WHERE id = 2")
        yield


def quickest(work, times=3):
    """In how many seconds it is done at best: a machine that stalls does not do so each time."""
    taken = []
    for _ in range(times):
        began = time.monotonic()
        work()
        taken.append(time.monotonic() - began)
    return min(taken)


@pytest.mark.mysql
def test_a_locking_read_waits_for_a_held_row_no_longer_than_it_was_told(engine):
    def work(connection):
        return rows_within(connection, LOCK, {}, seconds=0.15)

    def waits_in_vain():
        with pytest.raises(RowLocked):
            transact(engine, work)

    with second_row_held(engine):
        assert quickest(waits_in_vain) < 0.9
    assert [row.id for row in transact(engine, work)] == [1, 2]


@contextmanager
def serving(work):
    """A server of one thread, and a stub whose Check does `work`."""

    class Health(health_pb2_grpc.HealthServicer):
        def Check(self, request, context):  # noqa: N802
            work()
            return health_pb2.HealthCheckResponse()

    server = Server("127.0.0.1:0", threads=1, probe=lambda: True)
    server.add(health_pb2_grpc.add_HealthServicer_to_server, Health())
    server.start()
    with channel.connect(f"127.0.0.1:{server.port}", service="test") as connected:
        yield health_pb2_grpc.HealthStub(connected)
    server.stop(0)


@pytest.mark.mysql
def test_a_write_that_waits_in_vain_tells_its_caller_so_before_the_deadline(engine):
    def write():
        calls.append(1)
        transact(engine, lambda connection: connection.execute(sa.update(things).values(n=2)))

    calls = []
    with second_row_held(engine), serving(write) as stub, pytest.raises(RowLocked):
        stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert len(calls) == 1  # no channel asks again on its own


def test_work_that_nobody_waits_for_any_more_is_not_begun():
    begun, go_on = queue.Queue(), threading.Event()

    def work():
        begun.put(call.remaining())
        go_on.wait(20)

    with serving(work) as stub:
        first = stub.Check.future(health_pb2.HealthCheckRequest(), timeout=30)
        assert 20 < begun.get(timeout=20) <= 31  # on the wire a deadline is rounded up
        with pytest.raises(DeadlineExceeded):  # the only thread is busy
            stub.Check(health_pb2.HealthCheckRequest(), timeout=0.2)
        go_on.set()
        first.result(20)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
    assert begun.qsize() == 1  # the last one; the one before was over
