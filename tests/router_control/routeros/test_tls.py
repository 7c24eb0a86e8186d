"""API over TLS, with a certificate and without one."""

import pytest

from simulators.routeros import RouterServer, tls
from tests.router_control.certificates import self_signed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls") / "router.pem")


@pytest.fixture
def anonymous(router):
    with RouterServer(router, tls=tls.anonymous()) as server:
        yield server


@pytest.fixture
def certified(router, certificate):
    with RouterServer(router, tls=tls.with_certificate(certificate)) as server:
        yield server


def test_a_router_without_certificate_is_spoken_to_in_anonymous_tls(service, router, anonymous):
    router.add_secret("u", disabled=True)
    router_id = service.register(anonymous, port=anonymous.tls_port, tls=True)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    assert service.set(router_id, {"u": False})["u"].outcome == "CHANGED"
    assert router.connections_accepted == 1
    assert "TLS without a certificate" in service.check(router_id).detail


def test_any_certificate_will_do_at_first(service, router, certified):
    router.add_secret("u", disabled=True)
    router_id = service.register(certified, port=certified.tls_port, tls=True)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"


def test_a_certificate_from_a_trusted_authority_is_accepted(service, router, certified, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    router.add_secret("u", disabled=True)
    router_id = service.register(certified, port=certified.tls_port, tls=True, verify_certificate=True)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    router.restart()
    assert service.set(router_id, {"u": False})["u"].outcome == "CHANGED"


def test_a_certificate_that_nobody_trusts_gets_no_password(service, router, certified):
    router_id = service.register(certified, port=certified.tls_port, tls=True, verify_certificate=True)
    check = service.check(router_id)
    assert check.outcome == "UNREACHABLE"
    assert "certificate" in check.detail
    assert router.counts == {}


def test_anonymous_tls_gets_no_password_where_a_certificate_is_asked_for(service, router, anonymous):
    router_id = service.register(anonymous, port=anonymous.tls_port, tls=True, verify_certificate=True)
    assert service.check(router_id).outcome == "UNREACHABLE"
    assert router.counts == {}


def test_tls_to_a_plain_port_and_plain_to_a_tls_port_are_failures_with_a_reason(service, anonymous):
    to_plain = service.check(service.register(anonymous, "a", port=anonymous.port, tls=True), timeout=3)
    to_tls = service.check(service.register(anonymous, "b", port=anonymous.tls_port), timeout=3)
    assert to_plain.outcome in {"UNREACHABLE", "ROUTER_ERROR", "TIMED_OUT"}
    assert to_tls.outcome == "ROUTER_ERROR"
    assert to_plain.detail
    assert to_tls.detail == (
        "the port speaks TLS only (api-ssl), and the router is registered without: rejesha router update ID --tls"
    )


def test_a_drip_does_not_stretch_the_deadline_under_tls_either(service, router, anonymous):
    router.add_secret("u")
    router_id = service.register(anonymous, port=anonymous.tls_port, tls=True)
    router.faults.set("drip", seconds=0.1)
    assert service.get(router_id, "u", timeout=2)["u"].outcome == "TIMED_OUT"
    router.faults.clear()
    assert service.check(router_id).outcome == "ALREADY_SO"
