"""Routers: registered, changed, looked at and removed, without their passwords; at a simulated router."""

import pytest

from simulators.routeros import Router, RouterServer, User, tls
from tests.router_control.certificates import fingerprint, self_signed

PASSWORD = "s3cret-word"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file that holds the certificate which the simulated router shows."""
    return self_signed(tmp_path_factory.mktemp("certificate") / "router.pem")


@pytest.fixture
def tower(router_control, certificate):
    """A router that is registered as router 2, Hill, with TLS, and knows our login; answers its server."""
    with RouterServer(Router(User("api", PASSWORD)), tls=tls.with_certificate(certificate)) as server:
        router_control.add("Hill", "127.0.0.1", port=server.tls_port, tls=True, password=PASSWORD)
        yield server


def test_a_router_s_password_goes_in_by_file_and_never_comes_out(installation, router_control, tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    options = ["--username", "api", "--password-file", tmp_path / "password", "--tls"]
    added = installation("router", "add", "Hill", "hill.example", *options, "--json")
    assert router_control.password(2) == PASSWORD
    assert (added.document["has_password"], added.document["tls"]) == (True, True)
    everything = added.out + installation("router", "list").out + installation("router", "list", "--json").out
    assert "s3cret" not in everything


def test_an_update_changes_only_what_is_given(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    assert installation("router", "update", "hill", "--name", "Top").code == 0
    router = router_control.get(2)
    assert (router.name, router.address, router.port, router.username) == ("Top", "10.0.0.2", 0, "api")
    assert router_control.password(2) == "old"


def test_a_router_s_password_goes_nowhere_else_unless_it_is_given_again(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    elsewhere = ["--address", "10.0.0.3", "--port", "8729", "--tls"]
    refused = installation("router", "update", "Hill", *elsewhere)
    assert (refused.code, router_control.get(2).address) == (1, "10.0.0.2")
    assert "PASSWORD_NEEDED" in refused.err
    assert installation("router", "update", "Hill", *elsewhere, "--password-file", "-", stdin="new\n").code == 0
    router = router_control.get(2)
    assert (router.address, router.port, router.tls, router_control.password(2)) == ("10.0.0.3", 8729, True, "new")


def test_the_default_login_is_sent_only_where_that_is_asked_for(installation, router_control):
    refused = installation("router", "add", "Hill", "10.0.0.2")
    assert (refused.code, list(router_control.routers())) == (1, [1])
    assert "LOGIN_NEEDED" in refused.err
    assert installation("router", "add", "Hill", "10.0.0.2", "--default-login").code == 0
    assert installation("router", "update", "Hill", "--address", "10.0.0.3").code == 1
    assert installation("router", "update", "Hill", "--address", "10.0.0.3", "--default-login").code == 0
    assert router_control.get(2).address == "10.0.0.3"


def test_going_back_to_the_default_login_drops_the_own_password(installation, router_control):
    installation("router", "add", "Hill", "10.0.0.2", "--username", "api", "--password-file", "-", stdin="old\n")
    assert installation("router", "update", "Hill", "--default-login").code == 0
    router = router_control.get(2)
    assert (router.username, router.has_password) == ("", False)


def test_a_replaced_certificate_is_shown_beside_the_old_one_and_trusted_when_confirmed(
    installation, router_control, tower, certificate
):
    old, shown = "cd" * 32, fingerprint(certificate)
    router_control.trust(2, old)
    declined = installation("router", "trust", "2", stdin="n\n")
    assert (declined.code, router_control.get(2).certificate_sha256) == (1, old)
    assert shown in declined.err
    assert old in declined.err
    trusted = installation("router", "trust", "2", "--yes", "--json")
    assert router_control.get(2).certificate_sha256 == shown
    assert trusted.document == {"router_id": 2, "certificate_sha256": shown, "previous_sha256": old}


@pytest.mark.parametrize("context", [tls.anonymous, None])
def test_a_router_that_shows_no_certificate_cannot_be_trusted(installation, router_control, context):
    with RouterServer(Router(User("api", PASSWORD)), tls=context() if context else None) as server:
        port = server.tls_port if context else 1
        router_control.add("Hill", "127.0.0.1", port=port, tls=True, password=PASSWORD)
        refused = installation("router", "trust", "Hill", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert ("no certificate" if context else "refused") in refused.err


def test_a_taken_name_is_refused_with_the_contract_s_reason(installation):
    refused = installation("router", "add", "Tower 1", "10.0.0.2", "--username", "api")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("rejesha: router-control: ")
    assert "(ROUTER_NAME_TAKEN)\n" in refused.err


def test_a_router_is_only_removed_when_that_is_confirmed(installation, router_control):
    assert installation("router", "delete", "Tower 1", stdin="n\n").code == 1
    assert list(router_control.routers()) == [1]
    removed = installation("router", "delete", "Tower 1", "--yes", "--json")
    assert removed.document == {"router_id": 1, "deleted": True}
    assert router_control.routers() == {}


def test_a_check_says_what_a_router_is_and_that_it_lets_us_in(installation, tower):
    checked = installation("router", "check", "Hill")
    assert checked.code == 0
    for fact in ("answers and lets us in", "router-1", "7.20"):
        assert fact in checked.out


def test_a_check_of_a_dead_router_says_why_and_exits_with_1(installation, router_control):
    router_control.add("Hill", "127.0.0.1", port=1, password=PASSWORD)
    checked = installation("router", "check", "2")
    assert checked.code == 1
    assert "unreachable" in checked.out
    assert "refused" in checked.out
    document = installation("router", "check", "2", "--json")
    assert (document.code, document.document["ok"], document.document["outcome"]) == (1, False, "unreachable")
