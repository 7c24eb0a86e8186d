"""To which router a password is sent: the one whose certificate is remembered."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from router_control.routeros.pool import Pool
from router_control.routeros.protocol import TimeLimit
from router_control.routers.reachability import Reachability
from router_control.routers.rules import Registration
from servicekit.rpc.errors import ServiceError

from tests.router_control.certificates import fingerprint
from tests.router_control.conftest import PASSWORD


@pytest.mark.parametrize("instead", [1, None])
def test_another_certificate_than_the_first_or_none_gets_no_password(service, serve, certificates, instead):
    _, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    assert service.router(router_id).certificate_sha256 == fingerprint(certificates[0])
    server.stop()
    impostor, _ = serve(instead, server.tls_port)
    check, result = service.check(router_id), service.set(router_id, {"u": False})["u"]
    assert (check.outcome, result.outcome) == ("CERTIFICATE_CHANGED", "CERTIFICATE_CHANGED")
    assert "rejesha router trust" in check.detail
    assert fingerprint(certificates[0]) in check.detail
    assert impostor.counts == {}
    assert service.router(router_id).certificate_sha256 == fingerprint(certificates[0])


def test_a_replaced_certificate_is_accepted_once_it_is_trusted_and_the_old_one_no_more(service, serve, certificates):
    _, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    service.check(router_id)
    server.stop()
    replaced, _ = serve(1, server.tls_port)
    assert service.set(router_id, {"u": True})["u"].outcome == "CERTIFICATE_CHANGED"
    seen = service.certificate(router_id)
    assert (seen.remembered_sha256, seen.shown_sha256) == tuple(map(fingerprint, certificates))
    assert replaced.counts == {}  # looking at a certificate sends nobody a login
    with_colons = bytes.fromhex(seen.shown_sha256).hex(":").upper()  # as routers show it
    assert service.trust(router_id, with_colons).certificate_sha256 == fingerprint(certificates[1])
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    service.trust(router_id, fingerprint(certificates[0]))
    assert service.set(router_id, {"u": False})["u"].outcome == "CERTIFICATE_CHANGED"  # a live connection ends too


def test_a_login_refused_at_the_first_meeting_is_not_tried_again_for_the_certificate_s_sake(service, serve):
    router, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True, password="wrong")
    for _ in range(3):
        assert service.set(router_id, {"u": True})["u"].outcome == "LOGIN_REFUSED"
    assert router.logins == {False: 1}


def test_a_router_without_certificate_is_remembered_by_the_first_that_it_shows(service, serve, certificates):
    _, server = serve(None)
    router_id = service.register(server, port=server.tls_port, tls=True)
    assert service.check(router_id).outcome == "ALREADY_SO"
    assert service.router(router_id).certificate_sha256 == ""
    assert service.certificate(router_id).shown_sha256 == ""
    server.stop()
    _, certified = serve(0, server.tls_port)
    assert service.check(router_id).outcome == "ALREADY_SO"
    certified.stop()
    impostor, _ = serve(None, server.tls_port)
    assert service.check(router_id).outcome == "CERTIFICATE_CHANGED"
    assert impostor.counts == {}


class Crossroads:
    """A port whose connections lead to two others in turn."""

    def __init__(self, *ports):
        self._ports = itertools.cycle(ports)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self):
        with suppress(OSError):
            while True:
                ends = self._listener.accept()[0], socket.create_connection(("127.0.0.1", next(self._ports)))
                for here, there in (ends, ends[::-1]):
                    threading.Thread(target=self._carry, args=(here, there), daemon=True).start()

    def _carry(self, here, there):
        with suppress(OSError):
            while data := here.recv(65_536):
                there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_WR)


def test_of_two_certificates_seen_at_the_same_moment_one_is_remembered_and_only_it_gets_the_password(
    registry, targets, serve, certificates
):
    """As when several router-controls meet a new router at once, and somebody stands in its way."""
    (first, one), (second, two) = serve(0), serve(1)
    crossroads = Crossroads(one.tls_port, two.tls_port)
    wanted = Registration("r1", "127.0.0.1", port=crossroads.port, tls=True, username="rejesha", password=PASSWORD)
    router_id = registry.create(wanted).router_id
    instances = [Reachability(targets, Pool()) for _ in range(12)]
    together = threading.Barrier(len(instances))

    def check(instance):
        together.wait()
        return instance.check(router_id, TimeLimit.after(20)).outcome.name

    with ThreadPoolExecutor(len(instances)) as threads:
        outcomes = list(threads.map(check, instances))
    crossroads.close()
    remembered = registry.get(router_id).certificate
    known, impostor = (first, second) if remembered == fingerprint(certificates[0]) else (second, first)
    assert remembered in map(fingerprint, certificates)
    assert (outcomes.count("ALREADY_SO"), outcomes.count("CERTIFICATE_CHANGED")) == (6, 6)
    assert known.logins[True] == 6
    assert impostor.counts == {}


def test_of_many_who_remember_a_certificate_at_once_all_are_told_the_same(registry, targets):
    wanted = Registration("r1", "10.0.0.1", tls=True, username="api", password=PASSWORD)
    for number in range(10):
        router_id = registry.create(replace(wanted, name=f"r{number}")).router_id
        met = [targets.of(registry.get(router_id)) for _ in range(8)]
        together = threading.Barrier(len(met))

        def remember(at, met=met, together=together):
            together.wait()
            return met[at].remember(f"{at:064x}")

        with ThreadPoolExecutor(len(met)) as threads:
            told = set(threads.map(remember, range(len(met))))
        assert told == {registry.get(router_id).certificate}


def test_what_was_seen_at_the_old_address_is_not_remembered_of_the_new_one(registry, targets):
    wanted = Registration("r1", "10.0.0.1", tls=True, username="api", password=PASSWORD)
    before = registry.create(wanted)
    registry.update(replace(wanted, router_id=before.router_id, address="10.0.0.2"))
    assert targets.of(before).remember("ab" * 32) == ""
    assert registry.get(before.router_id).certificate == ""


@pytest.mark.parametrize("fingerprint", ["", "ab", "zz" * 32, "ab" * 33, "ab:" * 31])
def test_what_is_no_fingerprint_is_not_trusted(service, serve, fingerprint):
    _, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    with pytest.raises(ServiceError) as refused:
        service.trust(router_id, fingerprint)
    assert refused.value.reason == "INVALID_FINGERPRINT"


@pytest.mark.parametrize("registration", [{}, {"tls": True, "verify_certificate": True}])
def test_where_no_certificate_is_remembered_none_can_be_trusted(service, server, registration):
    router_id = service.register(server, **registration)
    for call in (service.certificate, lambda router_id: service.trust(router_id, "ab" * 32)):
        with pytest.raises(ServiceError) as refused:
            call(router_id)
        assert refused.value.reason == "CERTIFICATE_NOT_REMEMBERED"
