"""A simulated router per test, and a client that shows the bytes of its answers."""

import socket
from collections.abc import Callable, Iterator

import pytest

from simulators.routeros import Router, RouterServer, User

USER, PASSWORD = "rejesha", "router-pass"


class RawClient:
    """Speaks RouterOS words over a socket and nothing more: short words only, no retries, no casts."""

    def __init__(self, port: int, *, timeout: float = 5) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def send(self, *words: str) -> None:
        self.socket.sendall(b"".join(bytes([len(word.encode())]) + word.encode() for word in (*words, "")))

    def sentence(self) -> list[str]:
        """The next sentence; [] at the end of the connection."""
        words = []
        while length := self._length():
            words.append(self._exactly(length).decode())
        return words

    def ask(self, *words: str) -> list[list[str]]:
        """Send a sentence and return all sentences of its answer, up to "!done" or "!fatal"."""
        self.send(*words)
        answer = [self.sentence()]
        while answer[-1] and answer[-1][0] not in ("!done", "!fatal"):
            answer.append(self.sentence())
        return answer

    def log_in(self, user: str = USER, password: str = PASSWORD) -> "RawClient":
        assert self.ask("/login", f"=name={user}", f"=password={password}") == [["!done"]]
        return self

    def _length(self) -> int:
        first = self.socket.recv(1)
        if not first or first[0] < 0x80:
            return first[0] if first else 0
        assert first[0] < 0xC0, "the tests ask for no word this long"
        return (first[0] & 0x3F) << 8 | self._exactly(1)[0]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            assert piece, f"the connection ended within a word: {data!r}"
            data += piece
        return data


@pytest.fixture
def router() -> Router:
    return Router(User(USER, PASSWORD))


@pytest.fixture
def server(router: Router) -> Iterator[RouterServer]:
    with RouterServer(router) as running:
        yield running


@pytest.fixture
def raw() -> Iterator[Callable[[RouterServer], RawClient]]:
    """Makes connections to any server, not logged in."""
    clients: list[RawClient] = []

    def connect(server: RouterServer) -> RawClient:
        clients.append(RawClient(server.port))
        return clients[-1]

    yield connect
    for client in clients:
        client.socket.close()


@pytest.fixture
def connect(raw: Callable[[RouterServer], RawClient], server: RouterServer) -> Callable[[], RawClient]:
    """Makes connections to the test's server, not logged in."""
    return lambda: raw(server)


@pytest.fixture
def client(connect: Callable[[], RawClient]) -> RawClient:
    """A connection that is logged in."""
    return connect().log_in()
