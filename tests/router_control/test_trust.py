"""To whom a password is sent: the certificate that is remembered, and what a changed registration needs."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace

import grpc
import pytest
from cryptography.fernet import Fernet
from router_control.__main__ import MIGRATIONS
from router_control.access import AccessControl
from router_control.deadline import Deadline
from router_control.registration import LoginNeeded, PasswordNeeded, Registration
from router_control.routers import Defaults, Registry
from router_control.vault import Vault
from router_control.workers import Workers
from servicekit.errors import reason_of

from servicekit import database, migrate
from simulators.routeros import Router, RouterServer, User, tls
from tests.router_control.certificates import fingerprint, self_signed
from tests.router_control.conftest import PASSWORD


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificates")
    return self_signed(path / "first.pem"), self_signed(path / "second.pem")


@pytest.fixture
def serve(certificates):
    """Start a router at a port, which shows the first or the second certificate, or None; answers it and its server."""
    running = ExitStack()

    def start(which, port=0):
        context = tls.anonymous() if which is None else tls.with_certificate(certificates[which])
        router = Router(User("rejesha", PASSWORD))
        router.add_secret("u", disabled=True)
        return router, running.enter_context(RouterServer(router, tls=context, tls_port=port))

    with running:
        yield start


@pytest.fixture
def engine(database_url):
    engine = database.create_engine(database_url, pool_size=20)
    migrate.upgrade(engine, "router_control", MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def registry(engine):
    return Registry(engine, Vault([Fernet.generate_key().decode()]), Defaults("apiuser", "default-word"))


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
    registry, serve, certificates
):
    """As when several router-controls meet a new router at once, and somebody stands in its way."""
    (first, one), (second, two) = serve(0), serve(1)
    crossroads = Crossroads(one.tls_port, two.tls_port)
    wanted = Registration("r1", "127.0.0.1", port=crossroads.port, tls=True, username="rejesha", password=PASSWORD)
    router_id = registry.create(wanted).router_id
    instances = [AccessControl(registry, Workers()) for _ in range(12)]
    together = threading.Barrier(len(instances))

    def check(instance):
        together.wait()
        return instance.check(router_id, Deadline.after(20)).outcome.name

    with ThreadPoolExecutor(len(instances)) as threads:
        outcomes = list(threads.map(check, instances))
    crossroads.close()
    remembered = registry.get(router_id).certificate
    known, impostor = (first, second) if remembered == fingerprint(certificates[0]) else (second, first)
    assert remembered in map(fingerprint, certificates)
    assert (outcomes.count("ALREADY_SO"), outcomes.count("CERTIFICATE_CHANGED")) == (6, 6)
    assert known.logins[True] == 6
    assert impostor.counts == {}


def test_of_many_who_remember_a_certificate_at_once_all_are_told_the_same(registry):
    wanted = Registration("r1", "10.0.0.1", tls=True, username="api", password=PASSWORD)
    for number in range(10):
        router_id = registry.create(replace(wanted, name=f"r{number}")).router_id
        targets = [registry.target(registry.get(router_id)) for _ in range(8)]
        together = threading.Barrier(len(targets))

        def remember(at, targets=targets, together=together):
            together.wait()
            return targets[at].remember(f"{at:064x}")

        with ThreadPoolExecutor(len(targets)) as threads:
            told = set(threads.map(remember, range(len(targets))))
        assert told == {registry.get(router_id).certificate}


def test_what_was_seen_at_the_old_address_is_not_remembered_of_the_new_one(registry):
    wanted = Registration("r1", "10.0.0.1", tls=True, username="api", password=PASSWORD)
    before = registry.create(wanted)
    registry.update(replace(wanted, router_id=before.router_id, address="10.0.0.2"))
    assert registry.target(before).remember("ab" * 32) == ""
    assert registry.get(before.router_id).certificate == ""


@pytest.mark.parametrize("fingerprint", ["", "ab", "zz" * 32, "ab" * 33, "ab:" * 31])
def test_what_is_no_fingerprint_is_not_trusted(service, serve, fingerprint):
    _, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    with pytest.raises(grpc.RpcError) as refused:
        service.trust(router_id, fingerprint)
    assert reason_of(refused.value) == "INVALID_FINGERPRINT"


@pytest.mark.parametrize("registration", [{}, {"tls": True, "verify_certificate": True}])
def test_where_no_certificate_is_remembered_none_can_be_trusted(service, server, registration):
    router_id = service.register(server, **registration)
    for call in (service.certificate, lambda router_id: service.trust(router_id, "ab" * 32)):
        with pytest.raises(grpc.RpcError) as refused:
            call(router_id)
        assert reason_of(refused.value) == "CERTIFICATE_NOT_REMEMBERED"


ELSEWHERE = [{"address": "127.0.0.2"}, {"port": 1}, {"tls": False}, {"verify_certificate": False}]
GUARDED = Registration(
    "r1", "127.0.0.1", port=8729, tls=True, verify_certificate=True, username="api", password=PASSWORD
)


@pytest.mark.parametrize("change", [*ELSEWHERE, {"port": 0, "tls": False, "verify_certificate": False}])
@pytest.mark.parametrize("more", [{}, {"username": "other"}])
def test_a_stored_password_is_not_led_elsewhere_unless_it_is_given_again(registry, change, more):
    if "tls" in change:
        change = change | {"verify_certificate": False}
    stored = registry.create(GUARDED)
    with pytest.raises(PasswordNeeded):
        registry.update(replace(stored, **change, **more))
    assert registry.get(stored.router_id) == stored
    moved = registry.update(replace(stored, **change, **more, password="another-word"))
    assert registry.target(moved).login.password == "another-word"


@pytest.mark.parametrize("change", [{"name": "r2"}, {"username": "other"}, {"address": "LOCALHOST"}, {"port": 0}])
def test_what_leads_nowhere_else_needs_no_password_and_keeps_the_certificate(registry, change):
    stored = registry.create(replace(GUARDED, address="localhost", verify_certificate=False))
    registry.trust(stored.router_id, "ab" * 32)
    changed = registry.update(replace(stored, **change))
    assert registry.target(changed).login.password == PASSWORD
    assert changed.certificate == "ab" * 32
    assert registry.update(replace(changed, verify_certificate=True)).certificate == "ab" * 32


@pytest.mark.parametrize("change", ELSEWHERE[:3])
def test_another_place_forgets_the_certificate(registry, change):
    stored = registry.create(replace(GUARDED, verify_certificate=False))
    registry.trust(stored.router_id, "ab" * 32)
    assert registry.update(replace(stored, **change, password=PASSWORD)).certificate == ""


def test_the_default_login_goes_only_where_it_is_asked_for(registry):
    nameless = Registration("r1", "127.0.0.1")
    with pytest.raises(LoginNeeded):
        registry.create(nameless)
    stored = registry.create(replace(nameless, use_default_login=True))
    assert registry.target(stored).login.password == "default-word"
    assert registry.update(replace(stored, name="r2")).name == "r2"
    for change in ({"address": "127.0.0.2"}, {"port": 1}, {"tls": True}):
        with pytest.raises(LoginNeeded):
            registry.update(replace(stored, **change))
        registry.update(replace(stored, **change, username="api", password=PASSWORD))
        with pytest.raises(LoginNeeded):  # back to the default login, but now elsewhere
            registry.update(replace(stored, **change))
        registry.update(replace(stored, use_default_login=True))


def test_a_row_of_the_predecessor_works_with_the_default_login_and_moves_only_when_that_is_asked_for(registry, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO routers (router_name, local_ip) VALUES ('Kisumu', '10.0.0.1')")
    (adopted,) = registry.list()
    assert registry.target(adopted).login.username == "apiuser"
    assert registry.update(replace(adopted, name="Kisumu 1")).name == "Kisumu 1"
    with pytest.raises(LoginNeeded):
        registry.update(replace(adopted, address="10.0.0.2"))
    assert registry.update(replace(adopted, address="10.0.0.2", use_default_login=True)).address == "10.0.0.2"


def test_no_way_round_leads_a_stored_password_elsewhere(registry):
    """Drop the login, move the router, name a login again: what was stored must be gone by then."""
    stored = registry.create(replace(GUARDED, verify_certificate=False))
    registry.update(replace(stored, username="", use_default_login=True))
    registry.update(replace(stored, username="", address="127.0.0.2", use_default_login=True))
    named = registry.update(replace(stored, address="127.0.0.2"))
    assert registry.target(named).login.password == ""


def test_a_new_password_and_a_move_at_the_same_moment_never_meet(registry):
    """Someone saves the address again that he moved a router to, while an operator moves it back with a password."""
    mine = registry.create(GUARDED)
    his = replace(mine, address="127.0.0.66", password="his-own")
    for _ in range(10):
        registry.update(his)
        together = threading.Barrier(2)

        def save(registration, together=together):
            together.wait()
            with suppress(PasswordNeeded):
                registry.update(registration)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(save, [replace(his, password=None), replace(mine, password="new-word")]))
        target = registry.target(registry.get(mine.router_id))
        assert (target.host, target.login.password) in {("127.0.0.1", "new-word"), ("127.0.0.66", "his-own")}


def test_a_registry_s_caller_cannot_have_a_password_sent_to_a_host_of_its_own(service, serve):
    router, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    stranger, elsewhere = serve(0)  # it even shows the same certificate
    for change in ({"port": elsewhere.tls_port}, {"port": elsewhere.port, "tls": False}):
        with pytest.raises(grpc.RpcError) as refused:
            service.update(router_id, **change)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(refused.value) == "PASSWORD_NEEDED"
        assert service.check(router_id).outcome == "ALREADY_SO"
    assert stranger.counts == {}
    assert router.logins[True] >= 1
