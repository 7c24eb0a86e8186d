"""The client of TextSMS on connections that do what the simulator's never do."""

import socket
import threading
from contextlib import contextmanager

import pytest
from notify.providers.provider import OutcomeKind, Sms
from notify.providers.textsms import TextSms

BATCH = [Sms("1", "254712345678", "hello"), Sms("2", "254722345678", "hello")]
GOOD = b'{"responses": [{"response-code": 200, "clientsmsid": "1"}, {"response-code": 200, "clientsmsid": "2"}]}'


@contextmanager
def server(answer):
    """Calls `answer` with each connection and with how many came before it; serves on the port that it yields."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            number = 0
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection, number), daemon=True).start()
                number += 1

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def client(port, scheme="http", deadline=5.0):
    url = f"{scheme}://127.0.0.1:{port}/api/services/"
    return TextSms(url, api_key="key", partner_id="1", shortcode="S", deadline=deadline)


def read_request(connection):
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
    while len(body) < length:
        body += connection.recv(65536)


def kinds(outcomes):
    return [outcome.kind for outcome in outcomes]


def test_what_ends_before_its_length_is_no_answer():
    def answer(connection, _number):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(GOOD) + 1, GOOD))
        connection.close()

    with server(answer) as port:
        assert kinds(client(port).send(BATCH)) == [OutcomeKind.UNKNOWN] * 2


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % 2_000_000_000,
    ],
)
def test_an_answer_without_end_is_broken_off(beginning):
    ended = threading.Event()

    def answer(connection, _number):
        read_request(connection)
        connection.sendall(beginning)
        try:
            while True:
                connection.sendall(b" " * 65536)
        except OSError:
            ended.set()

    with server(answer) as port:
        assert kinds(client(port, deadline=60).send(BATCH)) == [OutcomeKind.UNKNOWN] * 2
        assert ended.wait(30)


def test_who_speaks_no_tls_or_closes_at_once_has_been_handed_nothing_over_tls():
    with server(lambda connection, _number: connection.close()) as port:
        assert kinds(client(port, scheme="https").send(BATCH)) == [OutcomeKind.UNREACHABLE] * 2
        assert kinds(client(port).send(BATCH)) == [OutcomeKind.UNKNOWN] * 2  # the request may have left
