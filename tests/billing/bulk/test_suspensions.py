"""A bulk cuts lines by staff, and its undo releases those whom nothing else keeps off or has let on since."""

import pytest
from billing.bulk.rules import Action, Filter, MemberState, Plan
from billing.bulk.service import list_bulks
from billing.lines import service as lines
from billing.lines.service import Whom
from billing.payees.rules import LineReason
from billing.schema import account_changes, payment_debug_log, pppoe_users

from tests.billing.bulk.calling import ASHA, apply, notes, preview, undo
from tests.billing.bulk.conftest import DATED

SUSPEND = Plan(Filter(router_id=1), Action.SUSPEND)


@pytest.fixture
def on(tower, dispatcher):
    """All are paid for, and on."""
    for name in DATED:
        tower.pay(f"P{name}", name)
    tower.set_customer("T4", closed_at=tower.customer("T4").created_at)
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"on"}
    return tower


def whom(name):
    return Whom(account=name)


def test_lines_go_off_by_staff_and_come_back_with_every_row_as_before(on, dispatcher):
    aside = {"line_version", "line_reported_version", "line_report_time", "last_reconnected_at", "status"}

    def rows():
        return [
            {name: value for name, value in row._mapping.items() if name not in aside} for row in on.rows(pppoe_users)
        ]

    before = rows()
    bulk_id = apply(on, preview(on, SUSPEND).token).bulk.bulk_id
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"off"}
    assert {on.customer(name).line_reason for name in DATED} == {"by_staff"}
    assert {(row.actor, row.reason) for row in on.rows(account_changes, field="hold")} == {
        ("Asha", f"bulk {bulk_id}: outage of Tower 3")
    }
    assert undo(on, bulk_id).counts == {MemberState.UNDONE: 5}
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"on"}
    assert rows() == before


def test_who_is_kept_off_already_is_left_and_counted(on):
    lines.hold(on.engine, on.policy, whom("T1"), LineReason.PAUSED, ASHA)
    seen = preview(on, SUSPEND)
    assert seen.left_out == {"the line is kept off already (paused)": 1}
    lines.hold(on.engine, on.policy, whom("T3"), LineReason.BY_STAFF, ASHA)
    token = preview(on, SUSPEND).token
    apply(on, token, times=1)
    lines.hold(on.engine, on.policy, whom("T2"), LineReason.PAUSED, ASHA)
    progress = apply(on, token)
    assert notes(progress) == {"T2": "the line is kept off already (paused)"}
    undo(on, progress.bulk.bulk_id)
    assert {name: on.customer(name).line_hold for name in DATED} == {
        "0949AQ": None, "WAIRIMU1": None, "T1": "paused", "T2": "paused", "T3": "by_staff",
    }  # fmt: skip


def test_undo_releases_only_whom_the_bulk_still_keeps_off(on):
    bulk_id = apply(on, preview(on, SUSPEND).token).bulk.bulk_id
    lines.release(on.engine, on.policy, whom("T1"), ASHA)
    lines.hold(on.engine, on.policy, whom("T1"), LineReason.BY_STAFF, ASHA)  # the same again, for another reason
    lines.hold(on.engine, on.policy, whom("T2"), LineReason.PAUSED, ASHA)
    lines.release(on.engine, on.policy, whom("T3"), ASHA)
    progress = undo(on, bulk_id)
    assert notes(progress) == dict.fromkeys(["T1", "T2", "T3"], "hold was changed since")
    assert {name: on.customer(name).line_hold for name in DATED} == {
        "0949AQ": None, "WAIRIMU1": None, "T1": "by_staff", "T2": "paused", "T3": None,
    }  # fmt: skip


def test_who_pays_while_cut_gets_the_month_and_the_line_comes_on_with_the_undo(on, dispatcher):
    bulk_id = apply(on, preview(on, SUSPEND).token).bulk.bulk_id
    before = on.customer("T3").next_payment_date
    on.pay("AGAIN", "T3")
    (said,) = on.rows(payment_debug_log, transaction_id="AGAIN", category="NO_ROUTER_CONFIG")
    assert said.message == "Staff keep the line off: the line is not switched"
    dispatcher.carry_out()
    assert (set(dispatcher.held.values()), on.customer("T3").next_payment_date > before) == ({"off"}, True)
    undo(on, bulk_id)
    dispatcher.carry_out()
    assert set(dispatcher.held.values()) == {"on"}


def test_bulks_are_listed_newest_first_page_by_page(on):
    made = [apply(on, preview(on, plan).token) for plan in (SUSPEND, Plan(Filter(isp_id=1), Action.EXTEND, 2))]
    undo(on, made[0].bulk.bulk_id)
    first, *none = list_bulks(on.engine, 0, 1)
    second, *nothing = list_bulks(on.engine, first.bulk.bulk_id, 5)
    assert none == nothing == []
    assert [first.bulk.bulk_id, second.bulk.bulk_id] == [made[1].bulk.bulk_id, made[0].bulk.bulk_id]
    assert (first.counts, second.counts) == ({MemberState.DONE: 6}, {MemberState.UNDONE: 5})
    assert (second.bulk.author, second.bulk.plan) == (ASHA, SUSPEND)
