from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from notify.messages import service
from notify.messages.rules import Draft, MessageState
from notify.providers.provider import Outcome, OutcomeKind
from structlog.testing import capture_logs

from simulators.textsms import Fault
from tests.notify.rounds import PHONE, ScriptedProvider, accept, make_due, no_wake, sender, set_times, states


def test_45_messages_take_three_calls_and_each_arrives_once(engine, sms, make_provider):
    ids = [f"m{n}" for n in range(45)]
    service.accept(engine, no_wake, [Draft(m, f"0712{n:06}", text=f"text {m}") for n, m in enumerate(ids)])
    sending = sender(engine, make_provider())
    while sending.send_due():
        pass
    assert sms.calls == [("sendbulk", 20), ("sendbulk", 20), ("sendbulk", 5)]
    assert sorted(received.message for received in sms.inbox()) == sorted(f"text {m}" for m in ids)
    assert all(received.mobile == f"254712{int(received.message[6:]):06}" for received in sms.inbox())
    held = {m: service.get(engine, m) for m in ids}
    assert {row.state for row in held.values()} == {MessageState.SENT}
    assert {f"text {m}": row.provider_message_id for m, row in held.items()} == {
        received.message: str(received.messageid) for received in sms.inbox()
    }


def test_a_lone_message_goes_by_sendsms(engine, sms, make_provider):
    accept(engine, "m1")
    sending = sender(engine, make_provider())
    assert sending.send_due()
    assert sms.calls == [("sendsms", 1)]
    assert not sending.send_due()


def test_many_senders_at_once_never_send_a_message_twice(engine, sms, make_provider):
    ids = [f"m{n}" for n in range(90)]
    service.accept(engine, no_wake, [Draft(m, PHONE, text=m) for m in ids])
    senders = [sender(engine, make_provider()) for _ in range(6)]

    def drain(one):
        while one.send_due() or any(service.get(engine, m).state == MessageState.QUEUED for m in ids):
            pass

    with ThreadPoolExecutor(len(senders)) as threads:
        list(threads.map(drain, senders))
    assert sorted(received.message for received in sms.inbox()) == sorted(ids)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(
    ("code", "state", "wait"),
    [
        (1001, MessageState.QUEUED, 300),
        (1002, MessageState.FAILED, 0),
        (1003, MessageState.FAILED, 0),
        (1004, MessageState.QUEUED, 300),
        (1005, MessageState.QUEUED, 10),
        (1006, MessageState.QUEUED, 300),
        (1007, MessageState.QUEUED, 10),
        (1008, MessageState.UNKNOWN, 0),
        (1009, MessageState.FAILED, 0),
        (1010, MessageState.FAILED, 0),
        (4090, MessageState.QUEUED, 300),
        (4091, MessageState.QUEUED, 300),
        (4092, MessageState.QUEUED, 300),
        (4093, MessageState.FAILED, 0),
        (0, MessageState.UNKNOWN, 0),
        (9999, MessageState.UNKNOWN, 0),
    ],
)
def test_every_code_leads_to_its_state_and_waits_long_enough(
    sqlite_engine, sms, make_provider, code, state, wait, alone
):
    engine = sqlite_engine
    accept(engine, "m1")
    if not alone:
        service.accept(engine, no_wake, [Draft("other", "0722000000", text="the other")])
    if not alone:
        sms.add_fault(Fault(kind="right_spelling"))
    sms.add_fault(Fault(kind="code", code=code, mobile=PHONE))
    sender(engine, make_provider()).send_due()
    row = service.get(engine, "m1")
    assert row.state == state
    assert row.attempts == 1
    assert row.due_time - row.update_time == timedelta(seconds=wait)
    if not alone:
        assert service.get(engine, "other").state == MessageState.SENT


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="silence"),
        Fault(kind="drip", seconds=0.3),
        Fault(kind="reset"),
        Fault(kind="reset", taken=True),
        Fault(kind="not_json", taken=True),
        Fault(kind="http_error", status=502),
        Fault(kind="http_error", status=302),
        Fault(kind="omit"),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status if fault.kind == 'http_error' else ''}{' taken' * fault.taken}",
)
def test_an_answer_that_proves_nothing_is_unknown_and_only_harmless_doubles_go_once_more(
    sqlite_engine, sms, make_provider, fault
):
    engine = sqlite_engine
    accept(engine, "plain")
    accept(engine, "told", template="customer_connected")
    accept(engine, "partial", template="customer_partial")
    sms.add_fault(fault)
    sending = sender(engine, make_provider(deadline=0.6))
    sending.send_due()
    assert states(engine) == {
        "plain": MessageState.UNKNOWN,
        "partial": MessageState.UNKNOWN,
        "told": MessageState.QUEUED,
    }
    make_due(engine)
    sending.send_due()
    assert states(engine) == dict.fromkeys(["plain", "partial", "told"], MessageState.UNKNOWN)
    assert service.get(engine, "told").attempts == 2


HELD = {"trans_id": "T1", "amount": "1,000.00", "name": "JOHN", "reference": "0949AX", "reason": "user not found"}


@pytest.mark.parametrize("status", [402, 429, 503])
def test_what_is_turned_away_for_now_is_sent_later_an_alert_of_held_money_above_all(engine, sms, make_provider, status):
    service.accept(engine, no_wake, [Draft("held", PHONE, template="unmatched_payment", facts=HELD)])
    accept(engine, "plain")
    sending = sender(engine, make_provider())
    sms.add_fault(Fault(kind="http_error", status=status, count=2))
    for _ in range(2):
        assert sending.send_due()
        assert states(engine) == {"held": MessageState.QUEUED, "plain": MessageState.QUEUED}
        assert sms.inbox() == []
        make_due(engine)
    assert sending.send_due()
    assert states(engine) == {"held": MessageState.SENT, "plain": MessageState.SENT}
    assert len(sms.inbox()) == 2


def test_a_resend_that_works_ends_as_sent(sqlite_engine, sms, make_provider):
    accept(sqlite_engine, "told", template="customer_reconnected")
    sms.add_fault(Fault(kind="silence", count=1))
    sending = sender(sqlite_engine, make_provider(deadline=0.5))
    sending.send_due()
    make_due(sqlite_engine)
    sending.send_due()
    assert states(sqlite_engine) == {"told": MessageState.SENT}
    assert len(sms.inbox(PHONE)) == 2


def test_a_refused_connection_is_tried_again_even_for_a_plain_text(sqlite_engine, sms, make_provider, free_port):
    accept(sqlite_engine, "m1")
    nobody = make_provider(url=f"http://127.0.0.1:{free_port}/api/services/")
    sender(sqlite_engine, nobody).send_due()
    assert states(sqlite_engine) == {"m1": MessageState.QUEUED}
    make_due(sqlite_engine)
    sender(sqlite_engine, make_provider()).send_due()
    assert states(sqlite_engine) == {"m1": MessageState.SENT}


def test_wrong_credentials_keep_the_message_and_it_goes_once_they_are_right(sqlite_engine, sms, make_provider):
    accept(sqlite_engine, "m1")
    sender(sqlite_engine, make_provider(api_key="wrong")).send_due()
    assert states(sqlite_engine) == {"m1": MessageState.QUEUED}
    assert "wrong" not in service.get(sqlite_engine, "m1").detail
    make_due(sqlite_engine)
    sender(sqlite_engine, make_provider()).send_due()
    assert states(sqlite_engine) == {"m1": MessageState.SENT}


def test_an_expired_message_is_never_sent_and_is_told(engine, sms, make_provider):
    past = datetime(2026, 1, 1, tzinfo=UTC)
    accept(engine, "late", expire_time=past, subject="TKE1")
    accept(engine, "in time")
    with capture_logs() as logged:
        sender(engine, make_provider()).send_due()
    assert states(engine) == {"late": MessageState.EXPIRED, "in time": MessageState.SENT}
    assert len(sms.inbox()) == 1
    (line,) = [line for line in logged if line["event"] == "message_expired"]
    assert (line["trans_id"], line["message_id"]) == ("TKE1", "late")


def test_a_waiting_message_is_due_when_it_expires_at_the_latest(engine):
    soon = datetime.now(UTC) + timedelta(minutes=1)
    accept(engine, "m1", expire_time=soon)
    sender(engine, ScriptedProvider(Outcome(OutcomeKind.LATER))).send_due()
    row = service.get(engine, "m1")
    assert (row.state, row.due_time) == (MessageState.QUEUED, row.expire_time)


def test_a_message_that_expires_after_a_doubtful_attempt_is_unknown(engine):
    accept(engine, "m1", template="customer_connected")
    sending = sender(engine, ScriptedProvider(Outcome(OutcomeKind.UNKNOWN)))
    sending.send_due()
    set_times(engine, due_time=datetime(2020, 1, 1, tzinfo=UTC), expire_time=datetime(2020, 1, 1, tzinfo=UTC))
    sending.send_due()
    assert states(engine) == {"m1": MessageState.UNKNOWN}
