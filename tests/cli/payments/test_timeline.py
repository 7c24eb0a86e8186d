"""A payment's timeline and its verdict, as the operator reads them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from gateway.clients.timeline import read, read_message
from gateway.operations.timeline import compose
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from rejesha.billing.v1 import payment_service_pb2 as payment
from rejesha.billing.v1 import task_service_pb2 as task
from rejesha.notify.v1 import notify_service_pb2 as notify
from rejesha_cli.payments.rules import Timeline, judge
from rejesha_cli.payments.views import show_timeline

CODE = "QGH7SK61SU"
RECEIVED = datetime(2026, 11, 23, 5, 0, 1, 250_000, tzinfo=UTC)  # 08:00:01.250 in Nairobi


def stamp(seconds: float = 0) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(RECEIVED + timedelta(seconds=seconds))
    return moment


def record(**more):
    facts = {"trans_id": CODE, "amount_cents": 100000, "bill_ref_number": "0949AQ", "first_name": "JANE"}
    return payment.PaymentRecord(**facts, business_short_code="600000", receive_time=stamp(), **more)


def step(seconds, category, message, **details):
    return payment.TimelineEntry(
        create_time=stamp(seconds), category=category, message=message, details_json=json.dumps(details)
    )


def line_task(state, last_error="", **more):
    work = task.AccessWork(router_id=1, username="u1")
    times = {"create_time": stamp(0.1)}
    return task.TaskRecord(
        task_id=9,
        kind="set_access",
        state=state,
        last_error=last_error,
        access=work,
        **({"attempts": 3} | times | more),
    )


def recorded(outcome=payment.PAYMENT_OUTCOME_CUSTOMER_PAID, tasks=(), **more):
    steps = [
        step(0.0, "PAYMENT_RECEIVED", "Received KES 1000.00 for 0949AQ", amount="1000.00"),
        step(0.01, "USER_FOUND", "Jane Wanjiku, account 0949AQ", customer_id=7),
        step(0.02, "PROCESSING_COMPLETE", "Paid until 2026-12-23", due_date="2026-12-23"),
    ]
    return payment.GetPaymentResponse(payment=record(outcome=outcome, **more), timeline=steps, tasks=tasks)


def document(told, messages=(), notes=()):
    """What the real gateway would answer."""
    listed = None if messages is None else [read_message(message) for message in messages]
    return json.loads(json.dumps(compose(read(told), listed, notes)))


def sent(state=notify.MESSAGE_STATE_SENT, **more):
    facts = {"message_id": "m1", "phone": "254712345678", "subject": CODE, "template": "customer_connected"}
    text = "Payment of KES 1000.00 received. Your internet is on until 23 Dec 2026."
    return notify.Message(**facts, text=text, state=state, create_time=stamp(1), update_time=stamp(2), **more)


@pytest.fixture
def tell(installation, httpserver):
    """`payment show` of a document."""

    def show(told, *options):
        httpserver.expect_request(
            f"/payments/{CODE}", headers={"Authorization": "Bearer operators-token"}
        ).respond_with_json(told)
        return installation("payment", "show", "qgh7 sk61su", *options)

    return show


def test_a_payment_s_timeline_reads_from_the_verdict_to_the_messages(tell):
    told = document(recorded(tasks=[line_task(task.TASK_STATE_DONE, end_time=stamp(2.5))]), [sent()])
    shown = tell(told)
    assert shown.code == 0
    in_order = [
        f"{CODE} · KES 1,000.00 · 0949AQ",
        "✓ Paid until 2026-12-23, and the line is on.",
        "Customer    Jane Wanjiku, account 0949AQ",
        "Paid until  2026-12-23",
        "Received    2026-11-23 08:00:01",
        "08:00:01.250 ● Received KES 1000.00",
        "08:00:03.250 ● SMS to 254712345678 sent",
        "08:00:03.750 ● switch on u1 at router 1: done",
        "Work that follows from it",
        "switch on u1 at router 1",
        "Messages",
        "Your internet is on until 23 Dec 2026.",
    ]
    found = re.compile(".*".join(map(re.escape, in_order)), re.DOTALL)
    assert found.search(shown.out), shown.out


def test_programs_get_the_gateway_s_document_as_it_is(tell):
    told = document(recorded())
    assert tell(told, "--json").document == told


@pytest.mark.parametrize(
    ("told", "level", "words"),
    [
        (recorded(tasks=[line_task(task.TASK_STATE_DONE)]), "good", ["the line is on"]),
        (
            recorded(tasks=[line_task(task.TASK_STATE_OPEN, due_time=stamp(60))]),
            "wait",
            ["not on yet", "next at 08:01:01", "Tried 3 times"],
        ),
        (
            recorded(tasks=[line_task(task.TASK_STATE_OPEN, lease_expire_time=stamp(60), attempts=0)]),
            "wait",
            ["not on yet", "being tried now", "Not tried yet"],
        ),
        (
            recorded(tasks=[line_task(task.TASK_STATE_OPEN, "unreachable")]),
            "wait",
            ["not on yet: unreachable"],
        ),
        (
            recorded(tasks=[line_task(task.TASK_STATE_GIVEN_UP, "no_such_secret")]),
            "bad",
            ["could not be switched on: no such secret", f"rejesha payment retry {CODE}"],
        ),
        (
            recorded(tasks=[line_task(task.TASK_STATE_EXPIRED, "unreachable")]),
            "bad",
            ["ran out", "unreachable"],
        ),
        (recorded(), "wait", ["no router or username on record"]),
        (recorded(payment.PAYMENT_OUTCOME_CUSTOMER_PARTIAL), "wait", ["too little"]),
        (
            recorded(payment.PAYMENT_OUTCOME_UNMATCHED, unmatched_reason=payment.UNMATCHED_REASON_USER_NOT_FOUND),
            "bad",
            ["Held", "user not found", f"rejesha payment assign {CODE} ACCOUNT"],
        ),
        (recorded(payment.PAYMENT_OUTCOME_SMS_CREDITS), "good", ["SMS credits"]),
        (recorded(payment.PAYMENT_OUTCOME_PREDECESSOR), "good", ["system before"]),
    ],
)
def test_the_verdict_answers_what_about_my_internet(told, level, words):
    verdict = judge(Timeline.read(document(told)))
    assert verdict.level == level
    assert all(word in f"{verdict.sentence} {verdict.advice}" for word in words), verdict


def test_every_outcome_of_the_contract_has_a_verdict_of_its_own():
    outcomes = [number for number in payment.PaymentOutcome.values() if number]
    sentences = {judge(Timeline.read(document(recorded(outcome)))).sentence for outcome in outcomes}
    assert len(sentences) == len(outcomes)


def test_a_contradicting_delivery_and_a_silent_notify_are_told(tell):
    told = recorded(tasks=[line_task(task.TASK_STATE_DONE)])
    told.deliveries.add(receive_time=stamp(), callback_body=b"{}")
    told.deliveries.add(receive_time=stamp(9), callback_body=b"\xff", conflicting=True)
    shown = tell(document(told, None, ["notify cannot be asked right now"]))
    assert "1 more with this code but other content" in shown.out
    assert "! notify cannot be asked right now" in shown.out
    assert "Messages: none" not in shown.out


def test_what_a_payer_types_is_shown_and_never_obeyed(tell):
    told = recorded()
    told.payment.first_name = "[bold]\x1b[2J\x9b31mJANE"
    shown = tell(document(told))
    assert "[bold]\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}31mJANE" in shown.out


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
fields = [
    "time",
    "event",
    "message",
    "details",
    "state",
    "kind",
    "outcome",
    "dueTime",
    "leaseExpireTime",
    "lastError",
    "amount",
    "attempts",
]
objects = st.dictionaries(st.sampled_from(fields), leaves | st.lists(leaves, max_size=2), max_size=4)
shapes = leaves | objects | st.lists(leaves | objects, max_size=3)
top = ["payment", "timeline", "tasks", "messages", "deliveries", "notes"]


@settings(max_examples=50)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(top, shapes)))
def test_a_document_that_nobody_expected_is_still_shown(unexpected):
    show_timeline(Timeline.read(unexpected))


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (404, {"success": False, "error": "No such payment"}, f"there is no payment {CODE}"),
        (401, {"success": False, "error": "Unauthorized"}, "REJESHA_API_TOKEN"),
        (503, {"success": False, "error": "billing cannot be asked right now"}, "billing cannot be asked right now"),
    ],
)
def test_a_timeline_that_cannot_be_had_is_one_sentence(installation, httpserver, status, answer, why):
    httpserver.expect_request(f"/payments/{CODE}").respond_with_json(answer, status=status)
    ended = installation("payment", "show", CODE)
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err
    assert ended.err.count("\n") == 1


def test_a_missing_token_is_named(installation, monkeypatch):
    monkeypatch.delenv("REJESHA_API_TOKEN")
    assert "REJESHA_API_TOKEN_FILE, is missing" in installation("payment", "show", CODE).err
