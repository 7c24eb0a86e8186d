"""A bulk's message goes once to each whom its preview showed, at a decent hour, and not after its day."""

from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
import sqlalchemy as sa
from billing.announcements import rules as announcements
from billing.bulk import messaging, service
from billing.bulk.errors import BulkOutdated, InvalidBulk
from billing.bulk.rules import Action, BulkState, Filter, MemberState, Plan
from billing.changes.rules import Noun
from billing.policies.service import Asked, change
from billing.schema import pppoe_users, tasks
from notify.messages.templates import TEMPLATES

from servicekit import segments
from tests.billing.bulk.calling import ASHA, apply, notes, preview, undo
from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.dispatching import handed_over

TEXT = "Dear {name}, the tower is down. {account} is paid until {due_date}."


def plan(text=TEXT, **chosen):
    return Plan(Filter(**(chosen or {"router_id": 1})), Action.MESSAGE, text=text)


@pytest.fixture
def phones(tower):
    """T3 and T4 have no number; the others have one each."""
    for number, name in enumerate(["T1", "T2"], 10):
        tower.set_customer(name, phone=f"07120000{number}")
    return tower


def texts(dispatcher):
    """What was sent, by the number."""
    found = [(one.phone, TEMPLATES[one.template].render(one.facts)) for one in dispatcher.inbox.values()]
    assert len({phone for phone, _ in found}) == len(found)
    return dict(found)


def test_a_preview_says_who_what_and_what_it_costs(phones):
    phones.set_customer("T1", full_name="Zoë “Zed” Ñandú")
    phones.set_customer("T2", full_name="王 " * 60)
    rows = phones.rows(pppoe_users), phones.rows(tasks)
    seen = preview(phones, plan())
    assert [phones.one(pppoe_users, id=one).account_name for one in seen.ids] == ["0949AQ", "WAIRIMU1", "T1", "T2"]
    assert seen.left_out == {"there is no phone number on record": 2}
    sent = [announcements.filled(TEXT, one.new) for one in seen.sample]
    day = f"{phones.customer('T1').next_payment_date:%-d %b %Y}"
    assert sent[0] == f"Dear Customer 0949AQ, the tower is down. 0949AQ is paid until {day}."
    assert sent[2] == f'Dear Zoe "Zed" Ñandu, the tower is down. T1 is paid until {day}.'
    assert [segments.count(one) for one in sent] == [1, 1, 1, 3]
    assert (seen.sms_count, seen.cost_cents) == (6, 300)
    assert (phones.rows(pppoe_users), phones.rows(tasks)) == rows


def test_each_is_told_once_however_often_it_is_applied_or_cut_off(phones, dispatcher, monkeypatch):
    token = preview(phones, plan()).token
    apply(phones, token, times=1)
    with monkeypatch.context() as killed:
        killed.setattr(messaging, "_keep", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            apply(phones, token)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: apply(phones, token), range(4)))
    assert apply(phones, token).counts == {MemberState.DONE: 4}
    dispatcher.carry_out()
    phones.make_due()
    dispatcher.carry_out()
    assert len(texts(dispatcher)) == 4
    assert texts(dispatcher)[CUSTOMER_PHONE].startswith("Dear Customer 0949AQ, ")


def test_what_it_says_is_true_when_it_goes_out(phones, dispatcher, clock):
    apply(phones, preview(phones, plan()).token)
    phones.pay("P1", "0949AQ")
    phones.set_customer("T1", closed_at=clock.now)
    phones.set_customer("T2", next_payment_date=None)
    phones.execute(sa.update(tasks).where(tasks.c.trans_id == "P1").values(state="done"))
    dispatcher.carry_out()
    day = f"{phones.customer('0949AQ').next_payment_date:%-d %b %Y}"
    assert texts(dispatcher).keys() == {CUSTOMER_PHONE, "0712000003"}
    assert f"is paid until {day}." in texts(dispatcher)[CUSTOMER_PHONE]


def test_it_waits_for_the_end_of_quiet_hours_even_if_it_was_begun_before_them(phones, dispatcher, clock):
    clock.forward(hours=8, minutes=55)  # five to nine in the evening
    token = preview(phones, plan()).token
    apply(phones, token, times=1)
    clock.forward(minutes=10)
    assert apply(phones, token).counts == {MemberState.DONE: 4}
    dispatcher.carry_out()
    assert texts(dispatcher) == {}
    clock.forward(hours=9, minutes=50)  # five to seven
    dispatcher.carry_out()
    assert texts(dispatcher) == {}
    clock.forward(minutes=5)
    dispatcher.carry_out()
    assert len(texts(dispatcher)) == 4


def test_it_is_not_sent_later_than_a_day_after_it_was_begun(phones, dispatcher, clock):
    token = preview(phones, plan()).token
    apply(phones, token, times=1)
    clock.forward(days=1)
    progress = apply(phones, token)
    assert progress.counts == {MemberState.DONE: 2, MemberState.SKIPPED: 2}
    assert set(notes(progress).values()) == {"its day is over: the message was begun too long ago"}
    dispatcher.carry_out()
    assert texts(dispatcher) == {}
    assert {row.state for row in phones.rows(tasks)} == {"expired"}


def test_undo_withdraws_what_was_not_sent_and_names_what_was(phones, dispatcher, clock):
    bulk_id = apply(phones, preview(phones, plan()).token).bulk.bulk_id
    first, second, _ = phones.lease(3)
    phones.report(handed_over(first))
    progress = undo(phones, bulk_id, times=2)
    assert progress.bulk.state is BulkState.UNDOING
    assert progress.counts == {MemberState.DONE: 2, MemberState.LEFT: 1, MemberState.UNDONE: 1}
    phones.report(handed_over(second))
    clock.forward(seconds=31)  # whoever had the third says nothing of it
    progress = undo(phones, bulk_id)
    assert progress.bulk.state is BulkState.UNDONE
    assert progress.counts == {MemberState.LEFT: 3, MemberState.UNDONE: 1}
    assert sorted(notes(progress).values()) == [
        "it may have been handed over to be sent", *["it was handed over to be sent"] * 2,
    ]  # fmt: skip
    dispatcher.carry_out()
    assert texts(dispatcher) == {}


@pytest.mark.parametrize(("hour", "seconds"), [(12, [0, 1, 2, 3]), (22, [9 * 3600 + n for n in range(4)])])
def test_thousands_do_not_go_before_what_payments_have_to_tell(phones, monkeypatch, clock, hour, seconds):
    monkeypatch.setattr(announcements, "PER_SECOND", 1)
    clock.forward(hours=hour - 12)
    bulk = apply(phones, preview(phones, plan()).token).bulk
    assert [(row.due_time - bulk.create_time).total_seconds() for row in phones.rows(tasks)] == seconds


def test_of_a_message_whose_task_was_deleted_nobody_says_that_it_was_not_sent(phones, dispatcher):
    bulk_id = apply(phones, preview(phones, plan()).token).bulk.bulk_id
    dispatcher.carry_out()
    assert service.get(phones.engine, bulk_id).handed_over == 4
    phones.execute(sa.delete(tasks))
    assert undo(phones, bulk_id).counts == {MemberState.LEFT: 4}


def test_the_language_of_a_customer_does_not_matter_to_what_somebody_wrote(phones, dispatcher):
    change(phones.engine, Asked(Noun.ISP, 1), {"language": "sw"}, (), ASHA)
    apply(phones, preview(phones, plan("Habari {name}")).token)
    dispatcher.carry_out()
    assert texts(dispatcher)[CUSTOMER_PHONE] == "Habari Customer 0949AQ"


def test_who_got_a_number_since_was_not_seen(phones):
    token = preview(phones, plan()).token
    phones.set_customer("T3", phone="0712000099")
    with pytest.raises(BulkOutdated):
        apply(phones, token)


def test_who_lacks_what_the_text_names_is_left_out_and_counted(phones):
    phones.set_customer("T4", phone="0712000098")
    phones.set_customer("T1", amount=None)
    assert preview(phones, plan("{due_date}")).left_out["there is no due date on record"] == 1
    assert preview(phones, plan("KES {amount}")).left_out["there is no package on record"] == 1
    phones.set_customer("T2", full_name="x" * 200)
    assert preview(phones, plan("{name}{name}{name}")).left_out["the text is too long with what is on record"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1 to 459 characters, not 0"),
        (" \n", "1 to 459"),
        ("x" * 460, "not 460"),
        ("Dear {nmae}", r"\{nmae\} is no place: \{name\}, \{account\}, \{amount\}, \{due_date\}"),
        ("Dear {}", r"\{\} is no place"),
        ("Dear {name.first}", "is no place"),
        ("Dear {name!r}", "is no place"),
        ("Dear {name:>90}", "is no place"),
        ("Dear {name", "alone"),
        ("5} off", "alone"),
    ],
)
def test_a_text_with_a_fault_is_refused_in_words(sqlite_engine, text, said):
    with pytest.raises(InvalidBulk, match=said):
        service.preview(sqlite_engine, plan(text))


def test_a_brace_that_is_written_twice_is_one(phones):
    assert announcements.filled("{{name}} {name}", preview(phones, plan("x")).sample[0].new) == "{name} Customer 0949AQ"


def test_what_a_task_keeps_names_nobody(phones):
    apply(phones, preview(phones, plan()).token)
    assert {orjson.loads(row.payload)["facts"]["text"] for row in phones.rows(tasks)} == {TEXT}
