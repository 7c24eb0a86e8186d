"""A service that is replaced has another address: its callers find it there at once, not when half a minute is over."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

from rejesha.notify.v1 import notify_service_pb2 as pb
from rejesha.notify.v1 import notify_service_pb2_grpc as pb_grpc
from servicekit.rpc.channel import connect
from servicekit.rpc.errors import DeadlineExceeded, Unavailable
from servicekit.rpc.server import Server

# A third of gRPC's own choice, in seconds.
_SOON = 10


class Notify(pb_grpc.NotifyServiceServicer):
    """Answers anybody."""

    def GetMessage(self, request, context):  # noqa: N802
        return pb.GetMessageResponse()


@contextmanager
def names(address):
    """A name server that knows one address of every name: that in `address[0]` at the moment. Yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))
        asked.settimeout(0.1)
        done = threading.Event()

        def answer():
            while not done.is_set():
                with suppress(TimeoutError):
                    query, sender = asked.recvfrom(512)
                    asked.sendto(_answer(query, address[0]), sender)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield asked.getsockname()[1]
        finally:
            done.set()
            thread.join()


def _answer(query, address):
    """The answer to a query of one question: an A record, and none of any other type."""
    end = query.index(b"\0", 12) + 5
    found = query[end - 4 : end - 2] == b"\0\1"
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, found, 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address)
    return head + query[12:end] + record * found


def serving(address, port):
    server = Server(f"{address}:{port}", threads=2, probe=lambda: True)
    server.add(pb_grpc.add_NotifyServiceServicer_to_server, Notify())
    server.start()
    return server


def test_a_service_is_found_where_it_is_now():
    address = ["127.0.0.2"]
    before = serving(address[0], 0)
    with (
        names(address) as name_server,
        connect(f"dns://127.0.0.1:{name_server}/notify.test:{before.port}", service="notify") as channel,
    ):
        stub = pb_grpc.NotifyServiceStub(channel)
        stub.GetMessage(pb.GetMessageRequest(), timeout=20)
        address[0] = "127.0.0.3"
        after = serving(address[0], before.port)
        before.stop(0)
        deadline = time.monotonic() + _SOON
        while not is_answered(stub):
            assert time.monotonic() < deadline, "nobody was asked anew where the service is"
        after.stop(0)


def is_answered(stub):
    try:
        stub.GetMessage(pb.GetMessageRequest(), timeout=1)
    except (Unavailable, DeadlineExceeded):
        return False
    return True
