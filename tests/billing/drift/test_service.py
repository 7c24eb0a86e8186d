"""What a router is seen to hold is compared, noted, and mended where lines are ours to manage."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from billing.changes.rules import Author, Noun
from billing.drift import service
from billing.drift.rules import Access, HeldSecret, Kind
from billing.drift.service import Span
from billing.lines.service import Whom
from billing.packages import service as packages
from billing.packages.rules import Package
from billing.packages.service import Order
from billing.policies import service as policies
from billing.policies.service import Asked
from billing.schema import account_changes, isps

from tests.billing.dispatching import lines
from tests.billing.lines.conftest import sweep

LINE = (1, "0949AQ")
ITS_SPAN = Span("0949", "0949Z")


@pytest.fixture
def paid(managing, dispatcher):
    """0949AQ has paid for a month, and is on."""
    managing.pay("A1", "0949AQ")
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    return managing


def compare(desk, *secrets, router_id=1, span=ITS_SPAN):
    return service.compare(desk.engine, desk.policy, router_id, secrets, span).found


def secret(access, name="0949AQ", sessions=0):
    return HeldSecret(name, access, "default", sessions)


def told(found):
    return [(one.drift.kind, one.account_name, one.mending) for one in found]


def test_a_line_that_somebody_switched_off_is_seen_noted_and_mended_once(paid, dispatcher, clock):
    clock.forward(hours=1)
    assert told(compare(paid, secret(Access.DISABLED))) == [(Kind.OFF_BUT_PAID, "0949AQ", True)]
    assert (paid.customer("0949AQ").status, paid.customer("0949AQ").line_reported) == ("inactive", "off")
    compare(paid, secret(Access.DISABLED))
    dispatcher.held[LINE] = "off"
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "on"}
    assert (paid.customer("0949AQ").status, paid.customer("0949AQ").line_reported) == ("active", "on")
    assert compare(paid, secret(Access.ENABLED, sessions=1)) == []


def test_a_wrong_profile_is_mended_where_a_package_says_which_is_right_and_told_where_a_policy_does(
    paid, dispatcher, clock
):
    policies.change(paid.engine, Asked(Noun.ISP, 1), {"profile": "10M"}, (), Author("Asha"))
    assert told(compare(paid, secret(Access.ENABLED))) == [(Kind.WRONG_PROFILE, "0949AQ", False)]
    packages.create(paid.engine, Package(1, "fast", 100_000, profile="20M"), Author("Asha"))
    packages.change(paid.engine, paid.policy, Whom(account="0949AQ"), Order("fast", False), Author("Asha"))
    dispatcher.carry_out()
    assert dispatcher.profiles == {LINE: "20M"}
    dispatcher.profiles.clear()
    clock.forward(hours=1)
    assert told(compare(paid, secret(Access.ENABLED))) == [(Kind.WRONG_PROFILE, "0949AQ", True)]
    dispatcher.carry_out()
    assert dispatcher.profiles == {LINE: "20M"}


def test_who_is_on_though_nobody_paid_is_mended_also_before_a_sweep(paid, dispatcher, clock):
    clock.forward(days=40)
    assert told(compare(paid, secret(Access.ENABLED))) == [(Kind.ON_BUT_UNPAID, "0949AQ", True)]
    dispatcher.carry_out()
    assert dispatcher.held == {LINE: "off"}
    (change,) = [row for row in paid.rows(account_changes, field="line") if row.new_value == "off (unpaid)"]
    assert change.actor == "drift check"
    assert compare(paid, secret(Access.DISABLED)) == []


def test_a_session_that_goes_on_though_off_is_ended(paid, dispatcher, clock):
    clock.forward(days=40)
    sweep(paid)
    dispatcher.carry_out()
    assert told(compare(paid, secret(Access.DISABLED, sessions=1))) == [(Kind.SESSION_THOUGH_OFF, "0949AQ", True)]
    assert len(lines(paid)) == 1  # whose SetAccess ends sessions


def test_where_lines_are_only_observed_nothing_is_asked_for(paid, dispatcher, clock):
    clock.forward(days=40)
    paid.policy = replace(paid.policy, manages_lines=False)
    assert told(compare(paid, secret(Access.ENABLED))) == [(Kind.ON_BUT_UNPAID, "0949AQ", False)]
    assert lines(paid) == []


def test_of_an_isp_that_is_closed_nobody_is_switched(paid, dispatcher, clock):
    clock.forward(days=40)
    with paid.engine.begin() as connection:
        connection.execute(sa.update(isps).values(closed_at=clock.now))
    assert told(compare(paid, secret(Access.ENABLED))) == [(Kind.ON_BUT_UNPAID, "0949AQ", False)]
    assert lines(paid) == []


def test_what_was_reported_while_the_router_was_being_read_is_newer(paid, clock):
    clock.now += timedelta(minutes=1)
    compare(paid, secret(Access.DISABLED))
    assert paid.customer("0949AQ").line_reported == "on"


def test_only_the_span_that_was_read_is_compared_and_only_that_router(paid):
    assert told(compare(paid, span=Span("", "0949"))) == []
    assert told(compare(paid, span=Span("0949AQ", "0949B"))) == []
    assert told(compare(paid, span=Span("0949", "0949AQ"))) == [(Kind.NO_SECRET, "0949AQ", False)]
    assert told(compare(paid, secret(Access.ENABLED), router_id=2)) == [(Kind.UNKNOWN_SECRET, "", False)]


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"off": "profile:unpaid", "profile": "10M"}, HeldSecret("0949AQ", Access.ENABLED, "unpaid")),
        ({"off": "address_list:unpaid"}, HeldSecret("0949AQ", Access.ENABLED, address_lists=frozenset({"unpaid"}))),
    ],
)
def test_who_is_limited_as_the_isp_decided_is_off_and_seen_so(paid, dispatcher, clock, fields, held):
    policies.change(paid.engine, Asked(Noun.ISP, 1), fields, (), Author("Asha"))
    clock.forward(days=40)
    sweep(paid)
    dispatcher.carry_out()
    clock.forward(hours=1)
    assert compare(paid, held) == []
    assert (paid.customer("0949AQ").status, paid.customer("0949AQ").line_reported) == ("inactive", "off")
    back = HeldSecret("0949AQ", Access.ENABLED, "10M")
    assert told(compare(paid, back)) == [(Kind.ON_BUT_UNPAID, "0949AQ", True)]


def test_a_router_of_many_is_compared_a_few_at_a_time_and_nobody_is_missed_between(managing, monkeypatch):
    many, tomorrow = [f"L{number:03}" for number in range(40)], managing.today() + timedelta(days=1)
    known = [{"account_name": name, "username": name, "router_id": 1, "next_payment_date": tomorrow} for name in many]
    managing.insert_customers(*known[::2], *known[::4])  # every fourth secret is two customers'
    secrets = [secret(Access.DISABLED, name) for name in many if name not in {"L000", "L010", "L039"}]
    pauses = []
    monkeypatch.setattr(service.time, "sleep", pauses.append)
    whole = service.compare(managing.engine, replace(managing.policy, manages_lines=False), 1, secrets, Span("L", "M"))
    monkeypatch.setattr(service, "_BATCH", 3)
    parts = service.compare(managing.engine, replace(managing.policy, manages_lines=False), 1, secrets, Span("L", "M"))
    assert parts == whole
    assert len(pauses) == 12
    assert {one.drift.kind for one in whole.found} == {Kind.OFF_BUT_PAID, Kind.NO_SECRET}
    assert whole.lines == 30
