"""Peers that are no routers, or do not keep to the protocol, and addresses where nobody is."""

import socket
import threading

import pytest


def words(*sentence):
    return b"".join(bytes([len(word)]) + word for word in sentence) + b"\0"


ROW = (b"!re", b"=.id=*1", b"=name=u1", b"=disabled=false")
DOUBLED = [(b"!done",), ROW, (b"!done",), ROW, (b"!done",)]


class Talker:
    """A peer that says the same whatever it hears, to every caller."""

    def __init__(self, speech):
        self._speech = speech
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._callers = []

    def __enter__(self):
        threading.Thread(target=self._talk, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for caller in self._callers:
            caller.close()

    def _talk(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self._callers.append(caller)
            caller.sendall(self._speech)


def test_what_a_router_says_unasked_is_never_taken_for_an_answer(service):
    """A peer that answers each print twice: the second copy must not answer the next question."""
    with Talker(b"".join(words(*sentence) for sentence in DOUBLED)) as talker:
        router_id = service.register(talker)
        assert service.get(router_id, "u1", timeout=3)["u1"].outcome == "ROUTER_ERROR"


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x05hello\x00",  # no reply word
        b"\xff",  # a reserved control byte
        b"\xef\xff\xff\xff",  # a word of 256 MB
        b"\x00",  # nothing, said with an end
        b"\x05!done\x09=ret=nope\x00",  # a challenge that is none
    ],
)
def test_a_peer_that_is_no_router_is_a_router_error(service, greeting):
    with Talker(greeting) as talker:
        router_id = service.register(talker)
        assert service.check(router_id).outcome == "ROUTER_ERROR"
        assert service.get(router_id, "u")["u"].outcome == "UNREACHABLE"  # left alone for a moment


@pytest.mark.parametrize("address", ["no-such-host.invalid", "127.0.0.2"])
def test_an_address_where_nobody_answers_is_unreachable(service, router, server, address):
    registered = service.pb.Router(name="r9", address=address, port=server.port, username="u")
    router_id = service.stub.CreateRouter(service.pb.CreateRouterRequest(router=registered)).router.router_id
    assert service.check(router_id, timeout=20).outcome == "UNREACHABLE"
