"""notify as real processes on real sockets."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from notify.__main__ import CALLS_AT_ONCE
from notify.sending.sender import ROUND_SECONDS
from notify.sending.service import CALL_SIZE
from rejesha.notify.v1 import notify_service_pb2 as pb
from servicekit.rpc.errors import InvalidArgument, NotFound

from simulators.textsms import Fault, TextSmsSimulator

PHONE = "254712345678"


def plain(message_id, phone=PHONE, text="hello", **fields):
    return pb.OutgoingMessage(message_id=message_id, phone=phone, text=text, **fields)


def from_template(message_id, template, phone=PHONE, /, **facts):
    return pb.OutgoingMessage(message_id=message_id, phone=phone, template=pb.Template(name=template, facts=facts))


def test_the_same_message_50_times_at_once_is_sent_once(start_notify, sms, until):
    notify = start_notify(sms.url)
    with ThreadPoolExecutor(50) as threads:
        receipts = [batch[0] for batch in threads.map(lambda _: notify.send(plain("m1")), range(50))]
    assert sum(not receipt.repeated for receipt in receipts) == 1
    until(lambda: notify.state("m1") == "SENT")
    notify.send(plain("m1"), plain("last"))
    until(lambda: notify.state("last") == "SENT")
    assert [received.message for received in sms.inbox()].count("hello") == 2  # m1 and last
    assert notify.message("m1").attempts == 1


def test_two_processes_on_one_database_share_the_work_and_send_nothing_twice(start_notify, sms, until):
    one, two = start_notify(sms.url), start_notify(sms.url)
    ids = [f"m{n}" for n in range(120)]
    for n, message_id in enumerate(ids):
        (one, two)[n % 2].send(plain(message_id, text=message_id))
    until(lambda: set(one.states().values()) == {"SENT"})
    assert sorted(received.message for received in sms.inbox()) == sorted(ids)


def test_killed_during_a_slow_call_nothing_is_lost_and_only_harmless_doubles_go_again(start_notify, sms, until):
    doomed = start_notify(sms.url, TEXTSMS_DEADLINE=3)
    sms.add_fault(Fault(kind="silence"))  # of every call: two senders may have taken one message each
    told = from_template("told", "customer_reconnected", "0722000000", due_date="23 Dec 2026", trans_id="T1")
    doomed.send(plain("plain"), told)
    until(lambda: len(sms.inbox()) == 2)
    assert doomed.states() == {"plain": "SENDING", "told": "SENDING"}
    doomed.process.send_signal(signal.SIGKILL)
    doomed.process.wait()
    sms.clear_faults()

    heir = start_notify(sms.url)
    heir.send(plain("new", "0733000000"))
    until(lambda: heir.states() == {"plain": "UNKNOWN", "told": "SENT", "new": "SENT"})
    assert len(sms.inbox(PHONE)) == 1
    assert len(sms.inbox("0722000000")) == 2
    assert heir.message("told").attempts == 2
    until(lambda: "message_outcome_unknown" in heir.log)  # said after it is recorded


def test_whatever_is_marked_sending_is_really_under_way(start_notify, sms, until):
    """A kill leaves in doubt only what the provider may have."""
    sms.add_fault(Fault(kind="silence"))
    notify = start_notify(sms.url, TEXTSMS_DEADLINE=120)
    ids = [f"m{n}" for n in range(400)]  # more than all calls side by side hold
    for first in range(0, 400, 50):
        notify.send(*(plain(message_id, text=message_id) for message_id in ids[first : first + 50]))
    until(lambda: len(sms.calls) == CALLS_AT_ONCE)
    until(lambda: {taken.message for taken in sms.inbox()} == being_sent(notify))


def being_sent(notify):
    return {message_id for message_id, state in notify.states().items() if state == "SENDING"}


def test_a_hanging_call_delays_neither_other_calls_nor_their_record(start_notify, sms, until):
    sms.add_fault(Fault(kind="silence", count=1))
    notify = start_notify(sms.url, TEXTSMS_DEADLINE=120)
    notify.send(plain("hangs"))
    until(sms.inbox)
    notify.send(*(plain(f"m{n}") for n in range(50)))
    until(lambda: sorted(notify.states().values()) == ["SENDING", *["SENT"] * 50])


def test_messages_that_come_one_by_one_share_calls(start_notify, sms, until):
    notify = start_notify(sms.url)
    began = time.monotonic()
    for n in range(200):
        notify.send(plain(f"m{n}"))
    until(lambda: set(notify.states().values()) == {"SENT"})
    rounds = 1 + (time.monotonic() - began) / ROUND_SECONDS
    assert len(sms.inbox()) == 200
    assert len(sms.calls) <= rounds + 200 / CALL_SIZE  # a round's last call is not full


def test_a_provider_that_comes_back_gets_everything_without_help(start_notify, free_port, until):
    notify = start_notify(f"http://127.0.0.1:{free_port}/api/services/")
    ids = [f"m{n}" for n in range(25)]
    notify.send(*(plain(message_id, text=message_id) for message_id in ids))
    until(lambda: all(message_attempted(notify, message_id) for message_id in ids))
    assert set(notify.states().values()) == {"QUEUED"}
    with TextSmsSimulator(port=free_port) as sms:
        until(lambda: set(notify.states().values()) == {"SENT"}, seconds=60)
        assert sorted(received.message for received in sms.inbox()) == sorted(ids)


def message_attempted(notify, message_id):
    message = notify.message(message_id)
    return message.attempts > 0 and message.state == pb.MESSAGE_STATE_QUEUED


def test_a_hanging_provider_never_holds_up_accepting(start_notify, sms, until):
    sms.add_fault(Fault(kind="silence"))
    notify = start_notify(sms.url, TEXTSMS_DEADLINE=120)
    began = time.monotonic()
    for n in range(100):
        notify.send(plain(f"m{n}"))
    assert time.monotonic() - began < 60  # a single call to the provider takes longer
    until(lambda: "SENDING" in notify.states().values())


def test_a_graceful_stop_ends_the_call_in_flight_and_records_it(start_notify, sms, until):
    notify = start_notify(sms.url)
    sms.add_fault(Fault(kind="delay", seconds=1, count=1))
    notify.send(plain("m1"))
    until(sms.inbox)
    notify.process.send_signal(signal.SIGTERM)
    assert notify.process.wait(timeout=30) == 0
    again = start_notify(sms.url)
    assert again.state("m1") == "SENT"


def test_an_accepted_message_goes_out_at_once_and_can_be_read_back(start_sqlite_notify, sms, until):
    notify = start_sqlite_notify(sms.url)
    facts = {"amount": "1,000.00", "trans_id": "SLK4H7TR02", "due_date": "23 Dec 2026"}
    notify.send(from_template("m1", "customer_connected", "0712 345 678", **facts))
    until(lambda: notify.state("m1") == "SENT")
    (received,) = sms.inbox(PHONE)
    message = notify.message("m1")
    assert (message.phone, message.text, message.segments) == (PHONE, received.message, 1)
    assert (message.provider_message_id, message.template) == (str(received.messageid), "customer_connected")
    assert received.shortcode == "REJESHA"


def test_errors_carry_their_code_and_reason(start_sqlite_notify, sms):
    notify = start_sqlite_notify(sms.url)
    calls = {
        (InvalidArgument, "BATCH_TOO_LARGE"): notify.send,
        (InvalidArgument, "INVALID_MESSAGE_ID"): lambda: notify.send(plain("")),
        (NotFound, "MESSAGE_NOT_FOUND"): lambda: notify.message("nobody"),
        (InvalidArgument, "INVALID_PAGE_TOKEN"): lambda: notify.stub.ListMessages(
            pb.ListMessagesRequest(page_token="x")
        ),
    }
    for (kind, reason), call in calls.items():
        with pytest.raises(kind) as refused:
            call()
        assert refused.value.reason == reason


def test_one_message_that_cannot_go_refuses_all_unless_it_is_to_be_kept(start_sqlite_notify, sms):
    notify = start_sqlite_notify(sms.url)
    bad = plain("bad")
    bad.expire_time.seconds = 2**60
    guesses = {
        "INVALID_EXPIRE_TIME": bad,
        "UNKNOWN_TEMPLATE": from_template("bad", "customer_gone"),
        "MISSING_FACTS": from_template("bad", "customer_expired"),
        "INVALID_PHONE": plain("bad", "0201234567"),
    }
    for reason, guess in guesses.items():
        with pytest.raises(InvalidArgument) as refused:
            notify.send(plain("good"), guess)
        assert refused.value.reason == reason
    assert notify.states() == {}
    good, kept = notify.send(plain("good"), bad, keep_invalid=True)
    assert good.state == pb.MESSAGE_STATE_QUEUED
    assert (kept.state, "expire_time" in kept.detail) == (pb.MESSAGE_STATE_FAILED, True)


def test_the_templates_are_listed_and_what_is_listed_can_be_sent(start_sqlite_notify, sms, until):
    notify = start_sqlite_notify(sms.url)
    templates = notify.stub.ListTemplates(pb.ListTemplatesRequest(), timeout=20).templates
    assert [one.name for one in templates] == sorted(one.name for one in templates)
    facts = {one.name: {fact.name: fact.sample for fact in one.facts} for one in templates}
    notify.send(*(from_template(name, name, "00254712345678", **samples) for name, samples in facts.items()))
    until(lambda: set(notify.states().values()) == {"SENT"})
    for one in templates:
        message = notify.message(one.name)
        assert (message.text, message.segments) == (one.sample_text, one.sample_segments)
        assert one.description
        assert all(fact.description for fact in one.facts)


def test_listing_filters_by_subject_and_state_even_by_one_of_a_newer_contract(start_sqlite_notify, sms):
    notify = start_sqlite_notify(sms.url)
    batch = plain("m1", subject="T1"), plain("m2", phone="bad", subject="T1"), plain("m3", subject="T2")
    notify.send(*batch, keep_invalid=True)

    def listed(**wanted):
        return [m.message_id for m in notify.stub.ListMessages(pb.ListMessagesRequest(**wanted)).messages]

    assert listed() == ["m3", "m2", "m1"]
    assert listed(subject="T1") == ["m2", "m1"]
    assert listed(state=pb.MESSAGE_STATE_FAILED) == ["m2"]
    assert listed(state=99) == []


def test_neither_credentials_nor_whole_numbers_reach_the_log(start_sqlite_notify, sms, until):
    notify = start_sqlite_notify(sms.url, LOG_LEVEL="DEBUG", TEXTSMS_API_KEY="a-secret-key")
    notify.send(plain("m1"))
    until(lambda: "provider_refuses_our_account" in notify.log)
    assert "a-secret-key" not in notify.log
    assert PHONE[3:] not in notify.log


def test_the_console_sender_prints_with_the_number_masked(start_sqlite_notify, sms, until):
    notify = start_sqlite_notify(sms.url, NOTIFY_SENDER="console", TEXTSMS_API_KEY="", TEXTSMS_PARTNER_ID="")
    notify.send(plain("m1", text="a text to read"))
    until(lambda: notify.state("m1") == "SENT")
    assert "a text to read" in notify.log
    assert PHONE[3:] not in notify.log
    assert sms.calls == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"TEXTSMS_PARTNER_ID": ""}, "REJESHA_TEXTSMS_PARTNER_ID is missing"),
        ({"TEXTSMS_URL": "sms.example"}, "REJESHA_TEXTSMS_URL is wrong"),
    ],
)
def test_a_missing_or_wrong_setting_stops_the_boot_and_names_itself(run_notify, settings, named):
    code, said = run_notify(**settings)
    assert (code, named in said) == (2, True)


def test_migrate_needs_no_provider_and_may_be_repeated(run_notify, database_url):
    for _ in range(2):
        code, said = run_notify("migrate", TEXTSMS_API_KEY="")
        assert code == 0, said
    assert sa.inspect(sa.create_engine(database_url)).has_table("messages")
