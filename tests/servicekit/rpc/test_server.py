"""What a server tells of itself, whom it lets in, and for whom it works no longer."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.database import transact
from servicekit.engines import create_engine
from servicekit.rpc import call
from servicekit.rpc.channel import connect
from servicekit.rpc.errors import (
    Cancelled,
    DatabaseUnavailable,
    DeadlineExceeded,
    NotFound,
    Unimplemented,
)
from servicekit.rpc.server import LIVENESS, Server

from servicekit import clocks

NAME = "rejesha.notify.v1.NotifyService"
things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


class Notify(pb_grpc.NotifyServiceServicer):
    def __init__(self, work=lambda: None):
        self._work = work

    def GetMessage(self, request, context):  # noqa: N802
        self._work()
        return pb.GetMessageResponse(message=pb.Message(message_id=request.message_id))


@contextmanager
def serving(servicer, **options):
    """A server of NotifyService, and a channel to it."""
    server = Server("127.0.0.1:0", **({"threads": 2, "probe": lambda: True} | options))
    server.add(pb_grpc.add_NotifyServiceServicer_to_server, servicer)
    server.start()
    with connect(f"127.0.0.1:{server.port}", service="notify") as channel:
        yield server, channel
    server.stop(0)


def get(channel, **options):
    return pb_grpc.NotifyServiceStub(channel).GetMessage(
        pb.GetMessageRequest(message_id="m1"), **({"timeout": 20} | options)
    )


def health(channel, name):
    return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name), timeout=20).status


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_health_is_told_for_all_and_by_the_name_of_each_service(monkeypatch):
    monkeypatch.setattr("servicekit.rpc.server._PROBE_SECONDS", 0.02)
    faults = []

    def probe():
        if faults:
            raise faults[0]

    with serving(Notify(), probe=probe) as (_, channel):
        names = ["", NAME, "grpc.health.v1.Health"]
        assert {health(channel, name) for name in names} == {health_pb2.HealthCheckResponse.SERVING}
        with pytest.raises(NotFound):
            health(channel, "rejesha.notify.v1.Nobody")
        faults.append(DatabaseUnavailable("away"))
        until(lambda: {health(channel, name) for name in names} == {health_pb2.HealthCheckResponse.NOT_SERVING})
        assert get(channel).message.message_id == "m1"  # whoever asks nonetheless learns more from the work itself


def test_a_process_whose_database_is_away_is_not_ready_and_lives_so_that_nothing_restarts_it():
    def probe():
        raise DatabaseUnavailable("away")

    with serving(Notify(), probe=probe, health_address="127.0.0.1:0") as (server, _):
        for port in (server.port, server.health_port):
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                assert health(channel, "") == health_pb2.HealthCheckResponse.NOT_SERVING
                assert health(channel, LIVENESS) == health_pb2.HealthCheckResponse.SERVING


def test_what_the_service_itself_refused_is_not_asked_again_by_the_channel():
    calls = []

    def refuse():
        calls.append(1)
        raise DatabaseUnavailable("away")

    with serving(Notify(refuse)) as (_, channel), pytest.raises(DatabaseUnavailable):
        get(channel)
    assert len(calls) == 1


def test_health_says_what_time_it_is_here():
    with serving(Notify()) as (_, channel):
        stub = health_pb2_grpc.HealthStub(channel)
        _, answered = stub.Check.with_call(health_pb2.HealthCheckRequest(), timeout=20)
    told = datetime.fromisoformat(dict(answered.trailing_metadata())[clocks.METADATA_KEY])
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=20)


def test_the_watch_over_health_outlives_any_error(monkeypatch):
    monkeypatch.setattr("servicekit.rpc.server._PROBE_SECONDS", 0.02)
    faults = []

    def probe():
        if faults:
            raise faults[-1]

    with serving(Notify(), probe=probe) as (server, channel):
        for fault in (KeyError("nobody foresaw it"), OSError(24, "too many open files"), DatabaseUnavailable("away")):
            faults.append(fault)
            until(lambda: health(channel, NAME) == health_pb2.HealthCheckResponse.NOT_SERVING)
            faults.clear()
            until(lambda: health(channel, NAME) == health_pb2.HealthCheckResponse.SERVING)
        told, failed = server.health.set, threading.Event()

        def fail(*_):
            failed.set()
            raise ZeroDivisionError

        server.health.set = fail
        assert failed.wait(20)
        server.health.set = told
        faults.append(DatabaseUnavailable("away"))
        until(lambda: health(channel, NAME) == health_pb2.HealthCheckResponse.NOT_SERVING)


def test_what_begins_with_the_first_good_probe_is_tried_again_if_it_fails(monkeypatch):
    monkeypatch.setattr("servicekit.rpc.server._PROBE_SECONDS", 0.02)
    begun = []

    def begin():
        begun.append(1)
        if len(begun) == 1:
            raise OSError("no thread is free")

    with serving(Notify(), begin=begin) as (_, channel):
        until(lambda: health(channel, NAME) == health_pb2.HealthCheckResponse.SERVING)
        get(channel)
    assert len(begun) == 2


def reflected(channel):
    """The names of the services that a server says it has."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (answer,) = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20)
    return {one.name for one in answer.list_services_response.service}


def test_a_server_says_what_it_has_only_on_request():
    with serving(Notify(), reflection=True) as (_, channel):
        assert reflected(channel) == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    with serving(Notify()) as (_, channel), pytest.raises(grpc.RpcError) as refused:
        reflected(channel)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_each_rpc_is_told_to_whoever_observes():
    seen, seen_by_client = [], []
    with serving(Notify(), observe=seen.append) as (server, channel):
        get(channel)
        with pytest.raises(Unimplemented):
            pb_grpc.NotifyServiceStub(channel).SendMessages(pb.SendMessagesRequest(), timeout=20)
        with connect(f"127.0.0.1:{server.port}", service="notify", observe=seen_by_client.append) as observed:
            get(observed)
            with pytest.raises(Unimplemented):
                pb_grpc.NotifyServiceStub(observed).SendMessages(pb.SendMessagesRequest(), timeout=20)
    said = [(f"/{NAME}/GetMessage", ""), (f"/{NAME}/SendMessages", "UNIMPLEMENTED")]
    assert [(one.method, one.reason) for one in seen_by_client] == said
    assert [(one.method, one.reason) for one in seen if "Health" not in one.method][:2] == [said[0], said[1]]


@pytest.fixture
def engine(database_url):
    engine = create_engine(database_url)
    things.metadata.create_all(engine)
    yield engine
    engine.dispose()


def count(engine):
    return transact(
        engine, lambda connection: connection.execute(sa.select(sa.func.count()).select_from(things)).scalar_one()
    )


class Walk:
    """Work of a servicer that stops half-way until it is told to go on, and notes how it ended."""

    def __init__(self, work):
        self.here, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()
        self._work = work
        self.failure = None

    def __call__(self):
        try:
            self._work(self)
        except Exception as failure:
            self.failure = failure
            raise
        finally:
            self.ended.set()

    def stop_here(self):
        self.here.set()
        assert self.go_on.wait(20)


def cancelled_half_way(walk):
    """Let a caller go away while the work waits; then let it go on to its end."""
    with serving(Notify(walk)) as (_, channel):
        under_way = pb_grpc.NotifyServiceStub(channel).GetMessage.future(pb.GetMessageRequest(), timeout=30)
        assert walk.here.wait(20)
        under_way.cancel()
        until(lambda: walk.gone)
        walk.go_on.set()
        assert walk.ended.wait(20)


def insert(connection, number):
    connection.execute(sa.insert(things), [{"id": number}])


def test_a_transaction_is_not_begun_for_a_caller_who_went_away(engine):
    def work(walk):
        walk.here.set()
        until(lambda: call.remaining() <= 0)
        walk.gone = True
        transact(engine, lambda connection: insert(connection, 1))

    walk = Walk(work)
    walk.gone = False
    cancelled_half_way(walk)
    assert isinstance(walk.failure, Cancelled)
    assert count(engine) == 0


def test_a_transaction_of_many_statements_ends_where_its_caller_went_away_and_leaves_nothing(engine):
    done = []

    def statements(connection, walk):
        for number in range(1, 1000):
            insert(connection, number)
            done.append(number)
            if number == 3:
                walk.here.set()
                until(lambda: call.remaining() <= 0)
                walk.gone = True

    walk = Walk(lambda walk: transact(engine, lambda connection: statements(connection, walk)))
    walk.gone = False
    cancelled_half_way(walk)
    assert isinstance(walk.failure, Cancelled)
    assert done == [1, 2, 3]
    assert count(engine) == 0


def test_at_the_deadline_it_ends_as_well(engine):
    def work(_walk):
        until(lambda: call.remaining() <= 0)
        transact(engine, lambda connection: insert(connection, 1))

    walk = Walk(work)
    with serving(Notify(walk)) as (_, channel):
        health(channel, NAME)  # connected: it comes to the server in time
        with pytest.raises(DeadlineExceeded):
            get(channel, timeout=1)
        assert walk.ended.wait(20)
    assert isinstance(walk.failure, DeadlineExceeded | Cancelled)
    assert count(engine) == 0


def test_outside_of_an_rpc_nothing_ends_early():
    call.check()
    assert call.remaining() == float("inf")
