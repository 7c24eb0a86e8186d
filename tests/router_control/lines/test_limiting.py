"""The ways of "limited": another profile, and an address list; and the way back from each."""

import threading

import librouteros
import pytest
from servicekit.rpc.errors import InvalidArgument

from simulators.routeros import Router, RouterServer, User
from tests.router_control.conftest import PASSWORD, enabled, limited

VERSIONS = ["6.42.12", "6.49.10", "7.17", "7.20"]
WRITES = ("/add", "/set", "/enable", "/disable", "/remove")


def make_router(version="7.20", **options):
    router = Router(User("rejesha", PASSWORD, **options), version=version)
    router.add_profile("fast")
    router.add_profile("expired", address_list="unpaid")
    return router


def writes(router):
    return [command.path for command in router.commands if command.path.endswith(WRITES)]


@pytest.fixture
def router():
    return make_router()


@pytest.mark.parametrize("version", VERSIONS)
def test_another_s_client_sees_a_line_go_into_a_profile_and_back(service, version):
    router = make_router(version)
    login = {"login_method": librouteros.login.token} if version == "6.42.12" else {}
    with RouterServer(router) as server:
        router_id = service.register(server)
        api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=server.port, encoding="utf-8", **login)
        api.path("ppp", "secret").add(name="u", profile="fast")
        router.dial("u")
        result = service.set(router_id, {"u": limited(profile="expired")})["u"]
        assert (result.outcome, result.access, result.profile) == ("CHANGED", "LIMITED", "expired")
        assert (result.sessions, result.detail) == (1, "")
        (secret,) = api.path("ppp", "secret")
        assert (secret["profile"], secret["disabled"], list(api.path("ppp", "active"))) == ("expired", False, [])
        router.dial("u")
        (entry,) = api.path("ip", "firewall", "address-list")
        assert (entry["list"], entry["dynamic"]) == ("unpaid", True)  # which the router does for such a profile
        result = service.set(router_id, {"u": enabled(profile="fast")})["u"]
        assert (result.outcome, result.access, result.profile, result.sessions) == ("CHANGED", "ENABLED", "fast", 1)
        (secret,) = api.path("ppp", "secret")
        assert (secret["profile"], secret["disabled"]) == ("fast", False)
        assert list(api.path("ip", "firewall", "address-list")) == []
        api.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_who_was_put_on_another_list_leaves_it_and_what_others_entered_there_stays(service, version):
    router = make_router(version)
    login = {"login_method": librouteros.login.token} if version == "6.42.12" else {}
    with RouterServer(router) as server:
        router_id = service.register(server)
        api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=server.port, encoding="utf-8", **login)
        for name, address in (("u", "10.9.0.1"), ("v", "10.9.0.2")):
            api.path("ppp", "secret").add(name=name, **{"remote-address": address})
        api.path("ip", "firewall", "address-list").add(list="mine", address="10.9.0.1", comment="by hand")

        def entries():
            return {(row["list"], row["address"]) for row in api.path("ip", "firewall", "address-list")}

        by_hand = ("mine", "10.9.0.1")
        service.set(router_id, {"u": limited(address_list="unpaid"), "v": limited(address_list="unpaid")})
        service.set(router_id, {"u": limited(address_list="late")})
        assert entries() == {by_hand, ("late", "10.9.0.1"), ("unpaid", "10.9.0.2")}
        service.set(router_id, {"u": enabled(address_list="unpaid"), "v": enabled(address_list="late")})
        assert entries() == {by_hand}
        api.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_another_s_client_sees_a_fixed_address_go_on_a_list_and_off(service, version):
    router = make_router(version)
    login = {"login_method": librouteros.login.token} if version == "6.42.12" else {}
    with RouterServer(router) as server:
        router_id = service.register(server)
        api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=server.port, encoding="utf-8", **login)
        api.path("ppp", "secret").add(name="José", **{"remote-address": "10.9.0.1"})
        api.path("ip", "firewall", "address-list").add(list="unpaid", address="10.9.0.2", comment="by hand")
        router.dial("José")
        result = service.set(router_id, {"José": limited(address_list="unpaid")})["José"]
        assert (result.outcome, result.access, result.sessions) == ("CHANGED", "LIMITED", 0)
        assert len(router.active("José")) == 1  # the firewall holds it back as it is
        entries = {row["address"]: row["comment"] for row in api.path("ip", "firewall", "address-list")}
        assert entries == {"10.9.0.2": "by hand", "10.9.0.1": "rejesha José"}
        result = service.set(router_id, {"José": enabled(address_list="unpaid")})["José"]
        assert (result.outcome, result.access) == ("CHANGED", "ENABLED")
        assert [row["address"] for row in api.path("ip", "firewall", "address-list")] == ["10.9.0.2"]
        api.close()


def test_a_fixed_address_stays_in_the_limiting_profile_and_the_result_says_so(service, router, router_id):
    router.add_secret("u", remote_address="10.9.0.1")
    result = service.set(router_id, {"u": limited(profile="expired")})["u"]
    assert result.outcome == "CHANGED"
    assert "10.9.0.1" in result.detail
    assert router.dial("u")
    assert router.active("u")[0]["address"] == "10.9.0.1"


def test_a_profile_that_is_not_there_changes_nothing(service, router, router_id):
    router.add_secret("u", profile="fast")
    router.dial("u")
    result = service.set(router_id, {"u": limited(profile="gone")})["u"]
    assert (result.outcome, result.access, result.profile) == ("NO_SUCH_PROFILE", "ENABLED", "fast")
    assert "gone" in result.detail
    assert (writes(router), len(router.active("u"))) == ([], 1)


def test_a_profile_that_goes_while_a_line_changes_to_it_is_said_with_what_the_router_holds(
    service, router, router_id, wait_until
):
    router.add_secret("u", profile="fast")
    router.faults.set("delay", seconds=0.5, commands=("/ppp/secret/disable",), times=1)
    results = {}
    call = threading.Thread(target=lambda: results.update(service.set(router_id, {"u": limited(profile="expired")})))
    call.start()
    wait_until(lambda: router.count("/ppp/secret/disable") == 1)
    router.remove_profile("expired")
    call.join()
    assert (results["u"].outcome, results["u"].access) == ("NO_SUCH_PROFILE", "DISABLED")


def test_an_address_from_a_pool_is_put_on_no_list(service, router, router_id):
    router.add_secret("u")
    router.dial("u")
    result = service.set(router_id, {"u": limited(address_list="unpaid")})["u"]
    assert (result.outcome, result.access) == ("NO_FIXED_ADDRESS", "ENABLED")
    assert (writes(router), len(router.active("u"))) == ([], 1)


def test_a_session_at_another_address_than_the_one_on_the_list_is_ended(service, router, router_id):
    router.add_secret("u")
    router.dial("u")
    router.change_secret("u", remote_address="10.9.0.1")
    router.dial("u")
    result = service.set(router_id, {"u": limited(address_list="unpaid")})["u"]
    assert (result.outcome, result.sessions) == ("CHANGED", 1)
    assert [row["address"] for row in router.active("u")] == ["10.9.0.1"]


def test_an_entry_follows_a_fixed_address_that_was_changed(service, router, router_id):
    router.add_secret("u", remote_address="10.9.0.1")
    service.set(router_id, {"u": limited(address_list="unpaid")})
    router.change_secret("u", remote_address="10.9.0.7")
    assert service.set(router_id, {"u": limited(address_list="unpaid")})["u"].outcome == "CHANGED"
    assert [row["address"] for row in router.listed("unpaid")] == ["10.9.0.7"]
    router.change_secret("u", remote_address="")
    assert service.set(router_id, {"u": enabled(address_list="unpaid")})["u"].outcome == "CHANGED"
    assert router.listed("unpaid") == []


def test_a_disabled_line_is_on_the_list_before_it_is_on(service, router, router_id):
    router.add_secret("u", disabled=True, remote_address="10.9.0.1")
    assert service.set(router_id, {"u": limited(address_list="unpaid")})["u"].access == "LIMITED"
    assert writes(router) == ["/ip/firewall/address-list/add", "/ppp/secret/enable"]


def test_a_login_without_the_right_to_write_limits_nobody_and_says_so(service):
    router = make_router(policies=frozenset({"api", "read"}))
    router.add_secret("u", profile="fast", remote_address="10.9.0.1")
    with RouterServer(router) as server:
        router_id = service.register(server)
        for change in (limited(profile="expired"), limited(address_list="unpaid")):
            result = service.set(router_id, {"u": change})["u"]
            assert (result.outcome, result.access, result.profile) == ("NOT_PERMITTED", "ENABLED", "fast")


def test_reading_tells_the_profile(service, router, router_id):
    router.add_secret("u", profile="expired")
    result = service.get(router_id, "u")["u"]
    assert (result.access, result.profile) == ("ENABLED", "expired")


@pytest.mark.parametrize(
    "change",
    [
        {"access": 3},
        {"access": 2, "profile": "expired"},
        {"access": 2, "address_list": "unpaid"},
        {"access": 1, "profile": "p" * 101},
        {"access": 3, "profile": "p\n"},
        {"access": 3, "address_list": "l\0"},
    ],
)
def test_a_change_that_breaks_the_contract_is_refused(service, router, router_id, change):
    with pytest.raises(InvalidArgument) as refused:
        service.set(router_id, {"u": change})
    assert refused.value.reason == "INVALID_ACCESS_REQUEST"
    assert router.counts == {}
