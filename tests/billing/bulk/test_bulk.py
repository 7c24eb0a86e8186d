"""A bulk changes whom its preview showed, each once, and one undo puts all of them back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from billing.bulk import changing, service
from billing.bulk.errors import BulkNotFound, BulkOutdated, BulkUndone, InvalidBulk
from billing.bulk.rules import Action, BulkState, Filter, MemberState, Plan
from billing.bulk.tables import bulk_customers
from billing.schema import account_changes, pppoe_users

from tests.billing.bulk import calling
from tests.billing.bulk.calling import ASHA, apply, undo
from tests.billing.bulk.conftest import DATED
from tests.billing.lines.conftest import sweep

OUTAGE = Plan(Filter(router_id=1), Action.EXTEND, 2)
PRICE = Plan(Filter(isp_id=1, package_cents=100_000), Action.PRICE, 120_000)


def preview(desk, plan=OUTAGE):
    return calling.preview(desk, plan)


def due(desk):
    return {name: (desk.customer(name).next_payment_date - desk.today()).days for name in DATED}


def everybody(days):
    return dict.fromkeys(DATED, days)


def test_a_preview_says_who_and_how_much_and_changes_nothing(tower):
    rows = tower.rows(pppoe_users)
    seen = preview(tower)
    assert sorted(seen.ids) == sorted(tower.customer(name).id for name in DATED)
    assert (seen.total_cents, seen.undated) == (2 * 100_000 + 3 * 80_000, 1)
    assert {(one.new.next_payment_date - one.old.next_payment_date).days for one in seen.sample} == {2}
    assert tower.rows(pppoe_users) == rows


def test_after_an_outage_days_are_for_those_who_were_paid_for_when_it_began(tower, clock):
    """It began five days ago. T1's time ended meanwhile, T2's before; both are cut."""
    began = tower.today() - timedelta(days=5)
    tower.set_customer("T1", next_payment_date=tower.today() - timedelta(days=3))
    tower.set_customer("T2", next_payment_date=began - timedelta(days=1))
    sweep(tower)
    everybody_there, seen = (
        preview(tower),
        preview(tower, replace(OUTAGE, filter=Filter(router_id=1, due_from=str(began)))),
    )
    assert (len(everybody_there.ids), everybody_there.overdue) == (5, 2)
    assert (len(seen.ids), seen.overdue) == (4, 1)
    apply(tower, seen.token)
    assert due(tower) == everybody(12) | {"T1": 2, "T2": -6}
    assert (tower.customer("T1").line_wanted, tower.customer("T2").line_wanted) == ("on", "off")


def test_who_is_meant_follows_from_all_that_is_set(tower, clock):
    day = tower.today() + timedelta(days=3)
    tower.set_customer("T1", next_payment_date=day)
    tower.set_customer("T2", next_payment_date=tower.today() - timedelta(days=1))
    tower.set_customer("T3", closed_at=clock.now)

    def meant(**chosen):
        ids = preview(tower, Plan(Filter(**chosen), Action.EXTEND, 1)).ids
        return [name for name in DATED if tower.customer(name).id in ids]

    assert meant(router_id=1, paid=False) == ["T2"]
    assert meant(router_id=1, paid=True) == ["0949AQ", "WAIRIMU1", "T1"]
    assert meant(router_id=1, due_from=str(day), due_until=str(day)) == ["T1"]
    assert meant(isp_id=1, package_cents=80_000) == ["T1", "T2"]
    assert meant(router_id=2) == meant(isp_id=2) == []


def test_a_bulk_that_is_cut_off_is_finished_by_the_same_call_and_gives_days_once(tower, monkeypatch):
    token = preview(tower).token
    assert apply(tower, token, times=1).counts == {MemberState.DONE: 2, MemberState.DUE: 3}
    with monkeypatch.context() as killed:
        killed.setattr(changing.lines, "settle", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(tower, token)
    assert sorted(due(tower).values()) == [10, 10, 10, 12, 12]
    assert apply(tower, token).counts == {MemberState.DONE: 5}
    assert due(tower) == everybody(12)
    assert apply(tower, token).bulk.state is BulkState.APPLIED
    assert due(tower) == everybody(12)
    apply(tower, preview(tower).token)  # the same plan, seen anew, is another bulk
    assert due(tower) == everybody(14)


def test_two_who_apply_the_same_at_once_give_days_once(tower):
    token = preview(tower).token
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: apply(tower, token), range(4)))
    assert apply(tower, token).counts == {MemberState.DONE: 5}
    assert due(tower) == everybody(12)


def test_undo_leaves_every_row_as_before_and_both_in_the_history(tower):
    rows = tower.rows(pppoe_users)
    bulk_id = apply(tower, preview(tower).token).bulk.bulk_id
    assert tower.customer("T3").due_day is None
    before = len(tower.rows(account_changes, field="next_payment_date"))
    assert undo(tower, bulk_id).counts == {MemberState.UNDONE: 5}
    plain = [[getattr(row, name) for name in ("id", "amount", "next_payment_date", "due_day", "status", "line_hold")]
             for row in (*rows, *tower.rows(pppoe_users))]  # fmt: skip
    assert plain[: len(rows)] == plain[len(rows) :]
    told = tower.rows(account_changes, field="next_payment_date")
    assert (before, len(told)) == (5, 10)
    assert {(row.actor, row.reason) for row in told} == {
        ("Asha", f"bulk {bulk_id}: outage of Tower 3"),
        ("Baraka", f"undo of bulk {bulk_id}: wrong tower"),
    }
    days = tower.rows(account_changes, field="due_day")
    assert [(row.old_value, row.new_value) for row in days] == [("31", ""), ("", "31")]
    undo(tower, bulk_id)
    assert len(tower.rows(account_changes, field="next_payment_date")) == 10


def test_undo_leaves_and_names_who_was_changed_since(tower):
    bulk_id = apply(tower, preview(tower).token).bulk.bulk_id
    tower.pay("P1", "WAIRIMU1")
    paid_until = tower.customer("WAIRIMU1").next_payment_date
    progress = undo(tower, bulk_id)
    assert progress.counts == {MemberState.UNDONE: 4, MemberState.LEFT: 1}
    assert [(one.account_name, one.member.note) for one in progress.not_changed] == [
        ("WAIRIMU1", "next_payment_date was changed since")
    ]
    assert tower.customer("WAIRIMU1").next_payment_date == paid_until


def test_a_bulk_that_is_undone_half_way_is_not_applied_again(tower):
    token = preview(tower).token
    bulk_id = apply(tower, token, times=1).bulk.bulk_id
    assert undo(tower, bulk_id).counts == {MemberState.UNDONE: 2, MemberState.SKIPPED: 3}
    assert due(tower) == everybody(10)
    with pytest.raises(BulkUndone):
        apply(tower, token)
    assert due(tower) == everybody(10)


def test_a_payment_after_the_preview_is_no_obstacle_and_days_count_from_what_it_paid_until(tower):
    token = preview(tower).token
    tower.pay("P1", "0949AQ")
    paid_until = tower.customer("0949AQ").next_payment_date
    assert apply(tower, token).counts == {MemberState.DONE: 5}
    assert tower.customer("0949AQ").next_payment_date == paid_until + timedelta(days=2)


def test_what_was_not_seen_is_not_applied(tower, clock):
    unpaid = Plan(Filter(router_id=1, paid=False), Action.EXTEND, 2)
    clock.forward(days=11)
    tokens = preview(tower).token, preview(tower, unpaid).token, preview(tower, PRICE).token
    tower.pay("P1", "0949AQ")
    with pytest.raises(BulkOutdated, match="preview again"):
        apply(tower, tokens[1])
    tower.set_customer("WAIRIMU1", closed_at=clock.now)
    for token in tokens:
        with pytest.raises(BulkOutdated):
            apply(tower, token)
    assert tower.rows(bulk_customers) == []


def test_who_is_closed_before_their_turn_is_named_and_left(tower, clock):
    token = preview(tower).token
    apply(tower, token, times=1)
    tower.set_customer("T3", closed_at=clock.now)
    progress = apply(tower, token)
    assert [(one.account_name, one.member.note) for one in progress.not_changed] == [("T3", "the account is closed")]
    assert progress.counts == {MemberState.DONE: 4, MemberState.SKIPPED: 1}


def test_those_whom_somebody_has_locked_are_left_for_a_later_call(tower):
    if tower.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    token = preview(tower).token
    first = tower.customer("0949AQ").id
    with tower.engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT id FROM pppoe_users WHERE id = {first} FOR UPDATE")
        progress = apply(tower, token)
        assert progress.counts == {MemberState.DUE: 1, MemberState.DONE: 4}
    assert apply(tower, token).counts == {MemberState.DONE: 5}
    assert due(tower) == everybody(12)


def test_lines_follow_days_that_are_given_and_taken_back(tower, dispatcher, clock):
    for name in DATED:
        tower.pay(f"P{name}", name)
    dispatcher.carry_out()
    clock.forward(days=60)
    sweep(tower)
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"off"}
    bulk_id = apply(tower, preview(tower).token).bulk.bulk_id
    assert due(tower) == everybody(2)
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"on"}
    undo(tower, bulk_id)
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"off"}


def test_a_new_price_is_for_those_who_have_the_old_one_and_is_taken_back(tower):
    bulk_id = apply(tower, preview(tower, PRICE).token).bulk.bulk_id
    prices = {row.account_name: row.amount for row in tower.rows(pppoe_users)}
    assert (prices["0949AQ"], prices["WAIRIMU1"]) == (120_000, 120_000)
    assert (prices["T1"], prices["12BC"], prices["77XY"]) == (80_000, 150_050, 50_000)
    (change, _) = tower.rows(account_changes, field="package")
    assert (change.old_value, change.new_value) == ("1000.00", "1200.00")
    tower.set_customer("WAIRIMU1", amount=90_000)
    progress = undo(tower, bulk_id)
    assert [one.account_name for one in progress.not_changed] == ["WAIRIMU1"]
    assert (tower.customer("0949AQ").amount, tower.customer("WAIRIMU1").amount) == (100_000, 90_000)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(Filter(paid=False), Action.EXTEND, 1), "say of which ISP or router"),
        (Plan(Filter(isp_id=1), Action.EXTEND, 0), "1 to 366, not 0"),
        (Plan(Filter(isp_id=1, due_from="2026-02-30"), Action.EXTEND, 1), "'2026-02-30' is not a day"),
        (Plan(Filter(isp_id=1), Action.PRICE, 1), "say which ISP, and the old price"),
        (Plan(Filter(router_id=1, package_cents=5), Action.PRICE, 1), "say which ISP, and the old price"),
        (Plan(Filter(isp_id=1, package_cents=5), Action.PRICE, 5), "the new price is the old one"),
        (Plan(Filter(isp_id=1, package_cents=5), Action.PRICE, 0), "not an amount"),
    ],
)
def test_what_cannot_be_is_refused_in_words(sqlite_engine, plan, said):
    with pytest.raises(InvalidBulk, match=said):
        service.preview(sqlite_engine, plan)


@pytest.mark.parametrize("token", ["", "x", "bnVsbA==", "W10=", "Zm9v"])
def test_a_token_that_was_never_given_out_is_refused(sqlite_engine, token):
    with pytest.raises(InvalidBulk):
        service.apply(sqlite_engine, None, token, ASHA)


def test_a_bulk_that_there_is_not(sqlite_engine):
    with pytest.raises(BulkNotFound):
        service.get(sqlite_engine, 7)


def test_the_end_of_the_calendar_moves_nobody(tower):
    tower.set_customer("T1", next_payment_date=date.max)
    progress = apply(tower, preview(tower).token)
    assert [one.account_name for one in progress.not_changed] == ["T1"]
