"""Every error crosses a real channel, for threads and for asyncio, and arrives as what it was."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
import structlog
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from servicekit.rpc import errors
from servicekit.rpc.channel import connect, connect_async
from servicekit.rpc.errors import KINDS, Internal, NotFound, ResourceExhausted, ServiceError, Unavailable
from servicekit.rpc.server import Server

SAY = "/test.Echo/Say"
SHARED = (
    errors.BatchTooLarge,
    errors.InvalidPageToken,
    errors.DatabaseUnavailable,
    errors.DatabaseRefuses,
    errors.RowLocked,
)


class QueueFull(ResourceExhausted):
    reason = "QUEUE_FULL"


class QueueFullHere(ResourceExhausted):
    """What a client calls it."""

    reason = "QUEUE_FULL"


@contextmanager
def echo(answer):
    """The target of a server whose one RPC does `answer(request, context)`."""
    server = Server("127.0.0.1:0", threads=2, probe=lambda: True)
    handler = grpc.unary_unary_rpc_method_handler(answer)
    server.grpc.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Say": handler})])
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(0)


def raising(error):
    def answer(_request, _context):
        raise error

    return answer


def call(target, way, known, timeout):
    with connect(target, service="echo", known=known) as channel:
        say = channel.unary_unary(SAY)
        return say(b"", timeout=timeout) if way == "sync" else say.future(b"", timeout=timeout).result()


async def call_async(target, known, timeout):  # noqa: ASYNC109
    channel = connect_async(target, service="echo", known=known)
    try:
        return await channel.unary_unary(SAY)(b"", timeout=timeout)
    finally:
        await channel.close()


def failure_of(target, way, *, known=(), timeout=20):
    """What a call over a channel for threads ("sync", "future") or for asyncio raises."""
    with pytest.raises(ServiceError) as raised:
        asyncio.run(call_async(target, known, timeout)) if way == "aio" else call(target, way, known, timeout)
    return raised.value


def same(error, sent, service="echo"):
    return (type(error), error.reason, str(error), error.service) == (type(sent), sent.reason, str(sent), service)


WAYS = pytest.mark.parametrize("way", ["sync", "future", "aio"])


@WAYS
@pytest.mark.parametrize("kind", [*KINDS, *SHARED])
def test_an_error_arrives_as_the_class_that_was_raised(kind, way):
    sent = kind("what is wrong")
    with echo(raising(sent)) as target:
        assert same(failure_of(target, way), sent)


@WAYS
def test_a_reason_of_a_service_s_own_arrives_with_its_kind_or_with_the_class_that_the_caller_knows(way):
    with echo(raising(QueueFull("three wait"))) as target:
        error = failure_of(target, way)
        assert (type(error), error.reason, error.told) == (ResourceExhausted, "QUEUE_FULL", "QUEUE_FULL: three wait")
        assert type(failure_of(target, way, known=[QueueFullHere])) is QueueFullHere


@WAYS
def test_a_known_reason_with_another_status_is_not_mistaken(way):
    sent = NotFound("nothing", reason="ROW_LOCKED")
    with echo(raising(sent)) as target:
        assert same(failure_of(target, way), sent)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_one_kind_a_status_on_the_wire(kind):
    """The status is what other languages see."""
    with (
        echo(raising(kind("x"))) as target,
        grpc.insecure_channel(target) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        channel.unary_unary(SAY)(b"", timeout=20)
    assert raised.value.code().name == kind.reason
    (detail,) = rpc_status.from_call(raised.value).details
    info = error_details_pb2.ErrorInfo()
    assert detail.Unpack(info)
    assert (info.reason, info.domain) == (kind.reason, "rejesha")


def test_every_status_but_ok_has_a_kind():
    named = {kind.status for kind in KINDS}
    assert len(named) == len(KINDS)
    for code in set(grpc.StatusCode) - named - {grpc.StatusCode.OK}:
        assert code in {
            grpc.StatusCode.UNKNOWN,
            grpc.StatusCode.ABORTED,
            grpc.StatusCode.OUT_OF_RANGE,
            grpc.StatusCode.DATA_LOSS,
        }


@WAYS
@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_without_a_reason_of_ours_is_its_kind(code, way):
    """As whoever else answers there would send it, or gRPC itself."""
    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, context: context.abort(code, "so"))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Say": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    error = failure_of(f"127.0.0.1:{port}", way)
    server.stop(0)
    kind = next((one for one in KINDS if one.status is code), Internal)
    assert (type(error), error.reason, str(error)) == (kind, code.name, "so")


@WAYS
def test_a_strange_answer_is_no_fault_of_the_caller(way):
    """Details of another domain, and a status that contradicts itself."""
    other = any_pb2.Any()
    other.Pack(error_details_pb2.ErrorInfo(reason="ROW_LOCKED", domain="elsewhere"))
    for inner in (code_pb2.UNAVAILABLE, code_pb2.NOT_FOUND):
        status = status_pb2.Status(code=inner, message="so", details=[other])

        def answer(_request, context, status=status):
            told = rpc_status.to_status(status)
            context.abort_with_status(told._replace(code=grpc.StatusCode.UNAVAILABLE))

        server = grpc.server(ThreadPoolExecutor(1))
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Say": handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        error = failure_of(f"127.0.0.1:{port}", way)
        server.stop(0)
        assert (type(error), error.reason) == (Unavailable, "UNAVAILABLE")


@WAYS
def test_a_fault_of_our_own_says_nothing_of_itself(way):
    with structlog.testing.capture_logs() as events, echo(raising(KeyError("a secret"))) as target:
        error = failure_of(target, way)
    assert (type(error), error.reason, str(error)) == (Internal, "INTERNAL", "internal error")
    assert [event["method"] for event in events if event["event"] == "rpc_failed"] == [SAY]


@WAYS
def test_nobody_there_and_nobody_who_knows_the_rpc_and_nobody_in_time(way):
    error = failure_of("127.0.0.1:1", way)
    assert (type(error), error.reason, error.service) == (Unavailable, "UNAVAILABLE", "echo")
    with (
        echo(lambda request, _context: request) as target,
        connect(target, service="echo") as channel,
        pytest.raises(errors.Unimplemented),
    ):
        channel.unary_unary("/test.Echo/Sing")(b"", timeout=20)
    with echo(lambda _request, _context: time.sleep(0.5)) as target:
        assert type(failure_of(target, way, timeout=0.1)) is errors.DeadlineExceeded


def test_an_answer_arrives_with_all_that_belongs_to_it():
    def answer(request, context):
        context.set_trailing_metadata((("key", "value"),))
        return request

    async def asynchronously(target):
        channel = connect_async(target, service="echo")
        call = channel.unary_unary(SAY)(b"hello", timeout=20)
        assert await call == b"hello"
        assert ("key", "value") in tuple(await call.trailing_metadata())
        await channel.close()

    with echo(answer) as target, connect(target, service="echo") as channel:
        said, call = channel.unary_unary(SAY).with_call(b"hello", timeout=20)
        assert (said, call.code()) == (b"hello", grpc.StatusCode.OK)
        assert ("key", "value") in tuple(call.trailing_metadata())
        future = channel.unary_unary(SAY).future(b"hello", timeout=20)
        assert (future.result(), future.exception()) == (b"hello", None)
        asyncio.run(asynchronously(target))
