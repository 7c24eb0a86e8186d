"""A port that was given out is nobody else's while its server is down."""

import socket
import subprocess
import sys

import pytest

from chaos import ports

_ASKED_ELSEWHERE = """
from chaos import ports
ports._RANGE = [{port}, {port} + 1, {port} + 2]
print(ports.free_port(), ports.free_port())
"""


def test_what_one_process_was_given_is_not_given_to_another_while_its_server_is_down(monkeypatch):
    port = _three_in_a_row()
    monkeypatch.setattr(ports, "_RANGE", [port])
    assert ports.free_port() == port
    server = socket.create_server(("127.0.0.1", port))
    server.close()

    asked = [sys.executable, "-c", _ASKED_ELSEWHERE.format(port=port)]
    given = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)

    assert sorted(map(int, given.stdout.split())) == [port + 1, port + 2]


def test_a_server_listens_on_it_and_listens_again():
    port = ports.free_port()
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


def test_nobody_answers_on_it_before():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports.free_port()))


def _three_in_a_row() -> int:
    return next(first for first in range(30_100, 32_000) if all(_is_free(first + n) for n in range(3)))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
