"""What a router holds against what is wanted of its lines."""

from dataclasses import replace

import pytest
from billing.drift.rules import MENDABLE, Access, HeldSecret, Kind, WantedLine, compare
from billing.policies.rules import Off, OffWay
from hypothesis import given
from hypothesis import strategies as st

PROFILE, LIST = Off(OffWay.PROFILE, "expired"), Off(OffWay.ADDRESS_LIST, "unpaid")
ON, OFF = Access.ENABLED, Access.DISABLED


def line(on, off=None, profile=""):
    return WantedLine(7, "u", on, off or Off(), profile)


def secret(access, profile="fast", sessions=0, service="pppoe", on=()):
    return HeldSecret("u", access, profile, sessions, service, frozenset(on))


@pytest.mark.parametrize(
    ("wanted", "held", "kind"),
    [
        (line(True), secret(ON, sessions=1), None),
        (line(True), secret(OFF), Kind.OFF_BUT_PAID),
        (line(True), None, Kind.NO_SECRET),
        (line(True, profile="slow"), secret(ON), Kind.WRONG_PROFILE),
        (line(True, PROFILE), secret(ON, "expired"), Kind.OFF_BUT_PAID),
        (line(True, LIST), secret(ON, on=["unpaid"]), Kind.OFF_BUT_PAID),
        (line(True, LIST), secret(ON, on=["others"]), None),
        (line(False), secret(OFF), None),
        (line(False), None, None),
        (line(False), secret(ON), Kind.ON_BUT_UNPAID),
        (line(False), secret(ON, "expired"), Kind.ON_BUT_UNPAID),
        (line(False), secret(OFF, sessions=1), Kind.SESSION_THOUGH_OFF),
        (line(False, profile="slow"), secret(OFF), None),
        (line(False, PROFILE), secret(ON, "expired", sessions=1), None),
        (line(False, PROFILE), secret(ON), Kind.ON_BUT_UNPAID),
        (line(False, PROFILE), secret(OFF), None),
        (line(False, LIST), secret(ON, sessions=1, on=["others", "unpaid"]), None),
        (line(False, LIST), secret(ON, on=["others"]), Kind.ON_BUT_UNPAID),
        (line(False, LIST), secret(ON, "expired"), Kind.ON_BUT_UNPAID),
        (None, secret(ON), Kind.UNKNOWN_SECRET),
        (None, secret(OFF, sessions=1), Kind.UNKNOWN_SECRET),
        (None, secret(OFF), None),
        (None, secret(ON, service="l2tp"), None),
    ],
)
def test_each_kind_of_drift(wanted, held, kind):
    found = list(compare([wanted] if wanted else [], [held] if held else []))
    assert [one.kind for one in found] == ([kind] if kind else [])
    assert [(one.username, one.customer_id, one.secret) for one in found] == (
        [("u", 7 if wanted else 0, held)] if kind else []
    )


def test_a_line_of_several_customers_is_on_while_one_of_them_has_paid():
    lines = [WantedLine(customer_id, "u", customer_id == 2, Off()) for customer_id in (1, 2, 3)]
    assert list(compare(lines, [secret(ON)])) == []
    (found,) = compare(lines, [secret(OFF)])
    assert (found.kind, found.customer_id) == (Kind.OFF_BUT_PAID, 2)


def test_names_are_what_the_router_calls_them_and_each_is_told_of_once():
    lines = [WantedLine(1, "Jane", True, Off()), WantedLine(2, "jane", True, Off())]
    found = list(compare(lines, [HeldSecret("jane", ON), HeldSecret("a", ON)]))
    assert [(one.kind, one.username) for one in found] == [
        (Kind.NO_SECRET, "Jane"),
        (Kind.UNKNOWN_SECRET, "a"),
    ]


def mended(wanted, held):
    """The secret after SetAccess, as the router would hold it; what is not known of a profile is left."""
    if wanted.on:
        profile = wanted.profile or ("fast" if held.profile == wanted.off.name else held.profile)
        return replace(held, access=ON, profile=profile, address_lists=held.address_lists - {wanted.off.name})
    if wanted.off.way is OffWay.PROFILE:
        return replace(held, access=ON, profile=wanted.off.name)
    if wanted.off.way is OffWay.ADDRESS_LIST:
        return replace(held, access=ON, address_lists=held.address_lists | {wanted.off.name})
    return replace(held, access=OFF, sessions=0)


@given(
    on=st.booleans(),
    off=st.sampled_from([Off(), PROFILE, LIST]),
    profile=st.sampled_from(["", "fast"]),
    held=st.builds(
        HeldSecret,
        st.just("u"),
        st.sampled_from(Access),
        st.sampled_from(["fast", "slow", "expired"]),
        st.integers(0, 2),
        st.just("any"),
        st.frozensets(st.sampled_from(["unpaid", "others"])),
    ),
)
def test_what_was_mended_drifts_no_more_and_what_does_not_drift_needs_no_mending(on, off, profile, held):
    wanted = line(on, off, profile)
    assert list(compare([wanted], [mended(wanted, held)])) == []
    kinds = {one.kind for one in compare([wanted], [held])}
    assert kinds <= MENDABLE | {Kind.WRONG_PROFILE}
    if held == mended(wanted, held):
        assert not kinds
