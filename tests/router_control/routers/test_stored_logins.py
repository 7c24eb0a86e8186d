"""Where a stored password may be sent: nowhere but where it was given for, whatever becomes of the registration."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from router_control.routers.errors import LoginNeeded, PasswordNeeded
from router_control.routers.rules import Registration
from servicekit.rpc.errors import InvalidArgument, ServiceError

from tests.router_control.conftest import PASSWORD

ELSEWHERE = [{"address": "127.0.0.2"}, {"port": 1}, {"tls": False}, {"verify_certificate": False}]
GUARDED = Registration(
    "r1", "127.0.0.1", port=8729, tls=True, verify_certificate=True, username="api", password=PASSWORD
)


@pytest.mark.parametrize("change", [*ELSEWHERE, {"port": 0, "tls": False, "verify_certificate": False}])
@pytest.mark.parametrize("more", [{}, {"username": "other"}])
def test_a_stored_password_is_not_led_elsewhere_unless_it_is_given_again(registry, targets, change, more):
    if "tls" in change:
        change = change | {"verify_certificate": False}
    stored = registry.create(GUARDED)
    with pytest.raises(PasswordNeeded):
        registry.update(replace(stored, **change, **more))
    assert registry.get(stored.router_id) == stored
    moved = registry.update(replace(stored, **change, **more, password="another-word"))
    assert targets.of(moved).login.password == "another-word"


@pytest.mark.parametrize("change", [{"name": "r2"}, {"username": "other"}, {"address": "LOCALHOST"}, {"port": 0}])
def test_what_leads_nowhere_else_needs_no_password_and_keeps_the_certificate(registry, targets, change):
    stored = registry.create(replace(GUARDED, address="localhost", verify_certificate=False))
    registry.trust(stored.router_id, "ab" * 32)
    changed = registry.update(replace(stored, **change))
    assert targets.of(changed).login.password == PASSWORD
    assert changed.certificate == "ab" * 32
    assert registry.update(replace(changed, verify_certificate=True)).certificate == "ab" * 32


@pytest.mark.parametrize("change", ELSEWHERE[:3])
def test_another_place_forgets_the_certificate(registry, change):
    stored = registry.create(replace(GUARDED, verify_certificate=False))
    registry.trust(stored.router_id, "ab" * 32)
    assert registry.update(replace(stored, **change, password=PASSWORD)).certificate == ""


def test_the_default_login_goes_only_where_it_is_asked_for(registry, targets):
    nameless = Registration("r1", "127.0.0.1")
    with pytest.raises(LoginNeeded):
        registry.create(nameless)
    stored = registry.create(replace(nameless, use_default_login=True))
    assert targets.of(stored).login.password == "default-word"
    assert registry.update(replace(stored, name="r2")).name == "r2"
    for change in ({"address": "127.0.0.2"}, {"port": 1}, {"tls": True}):
        with pytest.raises(LoginNeeded):
            registry.update(replace(stored, **change))
        registry.update(replace(stored, **change, username="api", password=PASSWORD))
        with pytest.raises(LoginNeeded):  # back to the default login, but now elsewhere
            registry.update(replace(stored, **change))
        registry.update(replace(stored, use_default_login=True))


def test_a_row_of_the_predecessor_works_with_the_default_login_and_moves_only_when_that_is_asked_for(
    registry, targets, engine
):
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO routers (router_name, local_ip) VALUES ('Kisumu', '10.0.0.1')")
    (adopted,) = registry.list()
    assert targets.of(adopted).login.username == "apiuser"
    assert registry.update(replace(adopted, name="Kisumu 1")).name == "Kisumu 1"
    with pytest.raises(LoginNeeded):
        registry.update(replace(adopted, address="10.0.0.2"))
    assert registry.update(replace(adopted, address="10.0.0.2", use_default_login=True)).address == "10.0.0.2"


def test_no_way_round_leads_a_stored_password_elsewhere(registry, targets):
    """Drop the login, move the router, name a login again: what was stored must be gone by then."""
    stored = registry.create(replace(GUARDED, verify_certificate=False))
    registry.update(replace(stored, username="", use_default_login=True))
    registry.update(replace(stored, username="", address="127.0.0.2", use_default_login=True))
    named = registry.update(replace(stored, address="127.0.0.2"))
    assert targets.of(named).login.password == ""


def test_a_new_password_and_a_move_at_the_same_moment_never_meet(registry, targets):
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
        target = targets.of(registry.get(mine.router_id))
        assert (target.host, target.login.password) in {("127.0.0.1", "new-word"), ("127.0.0.66", "his-own")}


def test_a_registry_s_caller_cannot_have_a_password_sent_to_a_host_of_its_own(service, serve):
    router, server = serve(0)
    router_id = service.register(server, port=server.tls_port, tls=True)
    stranger, elsewhere = serve(0)  # it even shows the same certificate
    for change in ({"port": elsewhere.tls_port}, {"port": elsewhere.port, "tls": False}):
        with pytest.raises(ServiceError) as refused:
            service.update(router_id, **change)
        assert type(refused.value) is InvalidArgument
        assert refused.value.reason == "PASSWORD_NEEDED"
        assert service.check(router_id).outcome == "ALREADY_SO"
    assert stranger.counts == {}
    assert router.logins[True] >= 1
