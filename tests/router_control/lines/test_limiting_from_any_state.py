"""From whatever a router holds to whatever is wanted, faults included; and nobody keeps a session of before."""

import contextlib
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.routeros import RouterServer
from simulators.routeros.ppp import DialRefused
from simulators.routeros.traps import DuplicateEntry
from tests.router_control.conftest import enabled, limited
from tests.router_control.lines.test_limiting import make_router, writes

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
