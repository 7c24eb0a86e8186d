"""Routers that send without end: what the process of router-control gives them, and that the others are served."""

import os
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest
from cryptography.fernet import Fernet
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc

from chaos.ports import free_port
from simulators.routeros import Router, RouterServer, User, tls
from simulators.routeros.framing import encode_length, encode_sentence
from tests.router_control.conftest import PASSWORD, Service

DONE = encode_sentence([b"!done"])
WANTED = encode_sentence([b"!re", b"=.id=*1", b"=name=u", b"=disabled=false"])
# The bytes that are repeated without end.
ENDLESS = {
    "words": b"\x05=a=bc",
    "one-letter words": b"\x01a",
    "long words": encode_length(60_000) + b"w" * 60_000,
    "a word of 256 MB": b"\xef\xff\xff\xff" + b"w" * 60_000,
    "a word of 4 GB": b"\xf0\xff\xff\xff\xff" + b"w" * 60_000,
    "bare rows": encode_sentence([b"!re"]),
    "rows that were asked for": WANTED,
    "rows with long names": encode_sentence([b"!re", b"=name=" + b"n" * 60_000]),
    "rows with long ids": encode_sentence([b"!re", b"=.id=*" + b"1" * 60_000, b"=name=u", b"=disabled=false"]),
    "wide letters": encode_sentence([b"!re", b"=name=u", b"=comment=" + "🦁".encode() + b"n" * 60_000]),
    "traps": encode_sentence([b"!trap", b"=message=" + b"m" * 60_000]),
    "empties": encode_sentence([b"!empty"]),
}
ENDLESS_IN_A_HANDSHAKE = {
    "zeros": b"\0" * 100,
    "rows": encode_sentence([b"!re"]),
    "warnings": b"\x15\x03\x03\x00\x02\x01\x00",
    "empty records": b"\x16\x03\x03\x00\x00",
    "a greeting of 16 MB": b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\x03\x03" + b"g" * 16_378,
}
SERVED_BESIDE = 20
MEGABYTES = 64


class HungUp(OSError):
    """The caller has had enough."""


class Peer:
    """Answers whatever it hears with the next of `answers`; when there is none left, with `endless` for ever."""

    def __init__(self, *answers, endless=b""):
        self._answers, self._endless = answers, endless * (1 + 60_000 // max(1, len(endless)))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller):
        with caller, suppress(OSError):
            for answer in self._answers:
                self._hear(caller)
                caller.sendall(answer)
            self._hear(caller)
            while self._endless:
                caller.sendall(self._endless)

    def _hear(self, caller):
        if not caller.recv(65_536):  # a question, or TLS' first word; both come in one piece
            raise HungUp


class Process(Service):
    """The process, as an operator starts it."""

    def __init__(self, stub, pid):
        super().__init__(stub, None)
        self._status = Path(f"/proc/{pid}/status")

    def megabytes(self, field):
        """`VmRSS` is what the process holds now, `VmHWM` the most that it ever held."""
        return int(re.search(rf"{field}:\s+(\d+) kB", self._status.read_text())[1]) / 1024


@pytest.fixture
def process(sqlite_url, tmp_path):
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REJESHA_")} | {
        "REJESHA_DATABASE_URL": sqlite_url,
        "REJESHA_ROUTER_CONTROL_PORT": str(port),
        "REJESHA_PLAINTEXT": "true",
        "REJESHA_ROUTER_CONTROL_KEYS": Fernet.generate_key().decode(),
    }
    command = [sys.executable, "-m", "router_control"]
    subprocess.run([*command, "migrate"], env=environment, capture_output=True, timeout=60, check=True)
    with (tmp_path / "log").open("wb") as said:
        running = subprocess.Popen(command, env=environment, stderr=said)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            health.Check(health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True)
            yield Process(pb_grpc.RouterControlServiceStub(channel), running.pid)
    finally:
        running.kill()
        running.wait()


@pytest.mark.processes
@pytest.mark.executed  # a fork shares memory with others
def test_no_router_can_fill_the_memory_nor_keep_others_from_being_served(process, router, server):
    router.add_secret("u", disabled=True)
    healthy = process.register(server)
    process.set(healthy, {"u": True})
    before = process.megabytes("VmRSS")
    with ExitStack() as peers, ThreadPoolExecutor(2 * len(ENDLESS)) as callers:
        talking = [Peer(*greeting, endless=said) for said in ENDLESS.values() for greeting in ([], [DONE])]
        ids = [process.register(peers.enter_context(peer), f"peer {at}") for at, peer in enumerate(talking)]
        asked = [callers.submit(process.set, router_id, {"u": False}, 30) for router_id in ids]
        for on in (False, True) * (SERVED_BESIDE // 2):
            assert process.set(healthy, {"u": on})["u"].outcome == "CHANGED"
        results = [call.result()["u"] for call in asked]
    assert {result.outcome for result in results} == {"ROUTER_ERROR"}
    assert all(0 < len(result.detail) <= 300 for result in results)
    assert process.megabytes("VmHWM") - before < MEGABYTES


@pytest.mark.processes
@pytest.mark.executed  # a fork shares memory with others
def test_what_has_no_end_before_tls_is_agreed_on_fills_no_memory_either(process):
    before = process.megabytes("VmRSS")
    with ExitStack() as peers:
        for name, said in ENDLESS_IN_A_HANDSHAKE.items():
            peer = peers.enter_context(Peer(endless=said))
            router_id = process.register(peer, name, tls=True)
            assert process.check(router_id, timeout=20).outcome in {"UNREACHABLE", "TIMED_OUT"}
            certificate = process.certificate(router_id)
            assert (certificate.shown_sha256, bool(certificate.detail)) == ("", True)
    assert process.megabytes("VmHWM") - before < MEGABYTES / 2


@pytest.mark.processes
@pytest.mark.executed  # a fork shares memory with others
@pytest.mark.parametrize("fault", ["endless-words", "endless-rows"])
@pytest.mark.parametrize("commands", [("/login",), ("/ppp",)])
def test_what_has_no_end_is_cut_off_under_tls_too(process, router, fault, commands):
    router.faults.set(fault, commands=commands)
    with RouterServer(router, tls=tls.anonymous()) as server:
        before = process.megabytes("VmRSS")
        router_id = process.register(server, port=server.tls_port, tls=True)
        assert process.get(router_id, "u", timeout=30)["u"].outcome == "ROUTER_ERROR"
        assert router.connections_accepted == 1  # nobody asks for that twice
        assert process.megabytes("VmHWM") - before < MEGABYTES / 2


@pytest.mark.parametrize("fault", ["endless-words", "endless-rows"])
def test_rows_that_drip_in_without_end_do_not_stretch_the_deadline(service, router, router_id, wait_until, fault):
    service.check(router_id)
    router.faults.set(fault, seconds=0.05)
    assert service.get(router_id, "u", timeout=2)["u"].outcome == "TIMED_OUT"
    wait_until(lambda: router.connections_open == 0, seconds=5)


def test_a_reason_or_a_challenge_without_measure_is_told_in_a_few_words(service):
    fatal = encode_sentence([b"!fatal", b"f" * 60_000])
    answers = {
        "reason": [fatal],
        "challenge": [encode_sentence([b"!done", b"=ret=" + b"ab" * 30_000]), fatal],
        "traps": [encode_sentence([b"!trap", b"=message=" + "й".encode() * 30_000]) * 100 + DONE],
    }
    for name, said in answers.items():
        with Peer(*said) as peer:
            check = service.check(service.register(peer, name))
            assert check.outcome == ("LOGIN_REFUSED" if name == "traps" else "ROUTER_ERROR")
            assert 0 < len(check.detail) <= 300


def test_a_router_with_20000_users_is_understood_even_if_it_tells_all_about_all_of_them(service):
    """Whatever is asked, as one that knows neither queries nor property lists."""
    more = b"=service=pppoe =caller-id=AA:BB:CC:DD:EE:FF =profile=default =limit-bytes-in=0 =limit-bytes-out=0"
    more += b" =routes= =ipv6-routes= =last-logged-out=may/20/2026 =comment=House-12,second-floor =disabled=false"
    rows = [[b"!re", b"=.id=*%X" % n, b"=name=user%d" % n, *more.split()] for n in range(20_000)]
    table = b"".join(map(encode_sentence, rows)) + DONE
    with Peer(DONE, table, table, table, table) as peer:
        router_id = service.register(peer)
        read = service.get(router_id, "user0", "user19999", "nobody", timeout=30)
        assert [(r.outcome, r.sessions) for r in read.values()] == [("ALREADY_SO", 1)] * 2 + [("NO_SUCH_SECRET", 0)]
        assert service.set(router_id, {"user12345": True}, timeout=30)["user12345"].outcome == "ALREADY_SO"


def test_a_busy_router_with_many_users_and_sessions_is_read_and_switched(service):
    router = Router(User("rejesha", PASSWORD))
    for number in range(2_000):
        router.add_secret(f"user{number}")
    for _ in range(3_000):
        router.dial("user7")
    with RouterServer(router) as server:
        router_id = service.register(server)
        assert service.get(router_id, "user7", timeout=30)["user7"].sessions == 3_000
        result = service.set(router_id, {"user7": False}, timeout=60)["user7"]
        assert (result.outcome, result.sessions) == ("CHANGED", 3_000)
