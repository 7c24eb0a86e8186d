"""The ways of "limited": another profile, and an address list; and the way back from each."""

import contextlib
import threading
import uuid

import librouteros
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.rpc.errors import InvalidArgument

from simulators.routeros import Router, RouterServer, User
from simulators.routeros.ppp import DialRefused
from simulators.routeros.traps import DuplicateEntry
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


USERS = [f"u{number}" for number in range(4)]
PROFILES = ["default", "fast", "expired"]
ADDRESSES = {name: f"10.9.0.{number}" for number, name in enumerate(USERS, start=1)}
HELD = st.fixed_dictionaries(
    {
        "disabled": st.booleans(),
        "profile": st.sampled_from(PROFILES),
        "fixed": st.booleans(),
        "sessions": st.integers(0, 2),
        "listed": st.booleans(),
    }
)
WANTED = st.one_of(
    st.just({"access": 2}),
    st.builds(enabled, profile=st.sampled_from(["", *PROFILES]), address_list=st.sampled_from(["", "unpaid"])),
    st.builds(limited, profile=st.sampled_from(PROFILES)),
    st.builds(limited, address_list=st.just("unpaid"), profile=st.sampled_from(["", "expired"])),
)
FAULTS = ["reset", "close-after-write", "fatal", "vanish", "restart"]


def prepare(router, name, held):
    """A user's secret in a state that others may have left it in."""
    router.add_secret(name, profile=held["profile"], **({"remote_address": ADDRESSES[name]} if held["fixed"] else {}))
    for _ in range(held["sessions"]):
        router.dial(name)
    if held["disabled"]:
        router.change_secret(name, disabled="yes")
    if held["listed"] and held["fixed"]:
        with contextlib.suppress(DuplicateEntry):  # a session is on it already
            router.add_to_list("unpaid", ADDRESSES[name], comment="by hand")


def is_so(router, name, wanted):
    """Whether the router holds what is wanted of a user, who may dial in meanwhile."""
    secret = router.secret(name)
    lasting = {row["address"] for row in router.listed("unpaid") if row["dynamic"] == "false"}
    listed = {row["address"] for row in router.listed("unpaid")} if wanted["access"] == 3 else lasting
    if wanted["access"] == 2:
        return secret["disabled"] == "true" and not router.active(name)
    by_profile = wanted.get("profile", "") in ("", secret["profile"])
    by_list = not wanted.get("address_list") or (secret.get("remote-address") in listed) == (wanted["access"] == 3)
    return secret["disabled"] == "false" and by_profile and by_list


def expects_no_change(wanted, held):
    return wanted["access"] == 3 and wanted.get("address_list") and not held["fixed"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    held=st.dictionaries(st.sampled_from(USERS), HELD, min_size=1),
    wanted=st.fixed_dictionaries(dict.fromkeys(USERS, WANTED)),
    faults=st.lists(st.sampled_from(FAULTS), max_size=2),
)
def test_from_any_state_the_wanted_one_is_reached_and_asked_again_nothing_is_written(service, held, wanted, faults):
    router = make_router()
    for name, state in held.items():
        prepare(router, name, state)
    wanted = {name: wanted[name] for name in held}
    with RouterServer(router) as server:
        router_id = service.register(server, uuid.uuid4().hex)
        for fault in faults:
            router.faults.set(fault, commands=("/ppp", "/ip"), times=1)
        results = service.set(router_id, wanted)
        router.faults.clear()
        for name, result in results.items():
            if result.outcome == "NO_SUCH_SECRET":  # it vanished
                assert name not in {row["name"] for row in router.secrets()}
            elif expects_no_change(wanted[name], held[name]):
                assert result.outcome == "NO_FIXED_ADDRESS"
            else:
                assert result.outcome in ("CHANGED", "ALREADY_SO")
                assert is_so(router, name, wanted[name])
                assert result.profile == router.secret(name)["profile"]
        before = writes(router)
        again = service.set(router_id, wanted)
        assert writes(router) == before
    assert {result.outcome for result in again.values()} <= {"ALREADY_SO", "NO_SUCH_SECRET", "NO_FIXED_ADDRESS"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=HELD,
    fault=st.sampled_from(["reset", "close-after-write"]),
    lost=st.sampled_from(["/ppp/secret", "/ppp/secret/set", "/ppp/active/print", "/ppp/active/remove"]),
)
def test_whoever_gets_through_to_the_limit_has_no_session_of_before(service, held, fault, lost):
    """Also when the first call breaks off anywhere, and the second knows nothing of it."""
    router, name = make_router(), USERS[0]
    prepare(router, name, held)
    before = {row[".id"] for row in router.active(name)}
    with RouterServer(router) as server:
        router_id = service.register(server, uuid.uuid4().hex)
        router.faults.set(fault, commands=(lost,))
        service.set(router_id, {name: limited(profile="expired")})
        router.faults.clear()
        with contextlib.suppress(DialRefused):
            router.dial(name)
        service.update(router_id)  # it is not left alone any longer
        assert service.set(router_id, {name: limited(profile="expired")})[name].access == "LIMITED"
    if held["profile"] != "expired":
        assert not before & {row[".id"] for row in router.active(name)}
    assert (router.secret(name)["profile"], router.is_disabled(name)) == ("expired", False)
