"""How long a transaction waits for a row that somebody else holds, and for whom it goes on waiting."""

import queue
import time
from contextlib import contextmanager

import grpc
import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.database import create_engine, lock_rows, transact
from servicekit.errors import RowLocked
from servicekit.serve import Server

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


@contextmanager
def taking_at_most(seconds):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_a_locking_read_waits_for_a_held_row_no_longer_than_it_was_told(engine):
    def work(connection):
        return lock_rows(connection, LOCK, {}, seconds=0.15)

    with second_row_held(engine), taking_at_most(0.9), pytest.raises(RowLocked):
        transact(engine, work)
    assert [row.id for row in transact(engine, work)] == [1, 2]


def test_a_write_that_waits_in_vain_ends_at_the_caller_s_deadline_and_says_what_it_waited_for(engine):
    class Health(health_pb2_grpc.HealthServicer):
        """Stands for any RPC: writes the held row."""

        def Check(self, request, context):  # noqa: N802
            try:
                transact(engine, lambda connection: connection.execute(sa.update(things).values(n=2)))
            except Exception as error:
                ended.put((type(error), time.monotonic()))
                raise

    ended = queue.Queue()
    server = Server("127.0.0.1:0", threads=1, probe=lambda: True)
    health_pb2_grpc.add_HealthServicer_to_server(Health(), server.grpc)
    server.grpc.start()
    began = time.monotonic()
    with second_row_held(engine), grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        with pytest.raises(grpc.RpcError) as refused:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1.5)
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        error, at = ended.get(timeout=20)
    server.stop(0)
    assert error is RowLocked
    assert at - began < 4  # one wait may still be under way when the deadline comes
