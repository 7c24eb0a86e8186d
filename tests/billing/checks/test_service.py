"""Each router is compared by one dispatcher, as often as is wanted, and a person hears of one that is not."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from billing.changes.rules import Author, Noun
from billing.checks import service
from billing.checks.rules import Check
from billing.policies import service as policies
from billing.policies.service import Asked

SIX_HOURS = timedelta(hours=6)


def claim(desk):
    claimed = service.claim(desk.engine, SIX_HOURS)
    return claimed[0].router_id if claimed else None


def checks(desk):
    return {one.router_id: one for one, _ in service.list_checks(desk.engine)}


def test_a_router_is_one_dispatcher_s_until_it_is_compared_and_then_nobody_s_for_the_interval(desk, clock):
    assert [claim(desk) for _ in range(3)] == [1, 2, None]
    service.report(desk.engine, Check(1, lines=2, drifts=1))
    service.report(desk.engine, Check(2, lines=1))
    clock.now += SIX_HOURS - timedelta(seconds=1)
    assert claim(desk) is None
    clock.forward(seconds=1)
    assert [claim(desk) for _ in range(3)] == [1, 2, None]
    done = checks(desk)
    assert [(done[one].lines, done[one].drifts, done[one].fault) for one in (1, 2)] == [(2, 1, ""), (1, 0, "")]


def test_one_that_cannot_be_read_or_whose_dispatcher_died_is_tried_again_soon(desk, clock):
    assert [claim(desk), claim(desk)] == [1, 2]
    service.report(desk.engine, Check(1, fault="unreachable"))
    clock.forward(minutes=29)
    assert claim(desk) is None
    clock.forward(minutes=1)
    assert {claim(desk), claim(desk)} == {1, 2}
    assert checks(desk)[1].fault == "unreachable"
    assert checks(desk)[1].unchecked_since == clock.now - timedelta(minutes=30)
    service.report(desk.engine, Check(1, lines=2))
    assert (checks(desk)[1].fault, checks(desk)[1].unchecked_since) == ("", clock.now)


def test_what_a_failed_attempt_reports_leaves_what_was_found_before(desk, clock):
    service.report(desk.engine, Check(2, lines=1, drifts=1))  # by hand, of one that nobody has claimed
    before = checks(desk)[2]
    clock.forward(hours=1)
    service.report(desk.engine, Check(2, fault="login_refused"))
    assert checks(desk)[2] == replace(before, fault="login_refused", report_time=clock.now)
    service.report(desk.engine, Check(99, fault="unreachable"))  # a router without lines
    assert 99 not in checks(desk)


def test_of_many_dispatchers_at_once_one_gets_each_router(desk):
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: claim(desk), range(8)))
    assert sorted(one for one in got if one) == [1, 2]


def test_a_router_is_read_with_the_lists_of_those_who_have_lines_there(desk):
    for asked, off in (
        (Asked(Noun.ISP, 1), "address_list:unpaid"),
        (Asked(Noun.ISP, 2), "disable"),
        (Asked(Noun.CUSTOMER, account="WAIRIMU1"), "address_list:late"),
    ):
        policies.change(desk.engine, asked, {"off": off}, (), Author("Asha"))
    lists = {one.router_id: names for one, names in service.list_checks(desk.engine)}
    assert lists == {1: ["late", "unpaid"], 2: []}
    assert service.claim(desk.engine, SIX_HOURS)[1] == ["late", "unpaid"]
