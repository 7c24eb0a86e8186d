import orjson
import pytest
from gateway.clients import timeline
from gateway.operations.timeline import compose as composed
from google.protobuf.timestamp_pb2 import Timestamp
from rejesha.billing.v1 import payment_service_pb2 as pb
from rejesha.billing.v1 import task_service_pb2 as task_pb
from rejesha.notify.v1 import notify_service_pb2 as notify_pb


def at(second):
    return Timestamp(seconds=1_800_000_000 + second)


def compose(answer, messages, notes):
    """As GET /payments does it, from what billing and notify answer."""
    listed = None if messages is None else [timeline.read_message(message) for message in messages]
    return composed(timeline.read(answer), listed, notes)


def known(**changes):
    return pb.GetPaymentResponse(payment=pb.PaymentRecord(trans_id="SAMPLE0001", amount_cents=100_050), **changes)


def test_what_happened_stands_in_order_of_time_whoever_knows_it():
    told = compose(
        known(
            deliveries=[
                pb.PaymentDelivery(receive_time=at(0), callback_body=b"{}"),
                pb.PaymentDelivery(receive_time=at(30), callback_body=b"\xff", conflicting=True),
            ],
            timeline=[pb.TimelineEntry(create_time=at(second), category=f"STEP{second}") for second in (1, 20)],
            tasks=[
                task_pb.TaskRecord(
                    task_id=5,
                    state=task_pb.TASK_STATE_EXPIRED,
                    attempts=9,
                    create_time=at(1),
                    end_time=at(25),
                    last_error="no route to host",
                    access=task_pb.AccessWork(router_id=3, username="u1"),
                )
            ],
        ),
        [notify_pb.Message(message_id="m", state=notify_pb.MESSAGE_STATE_QUEUED, create_time=at(10))],
        [],
    )
    assert [event["event"] for event in told["timeline"]] == [
        "CALLBACK",
        "STEP1",
        "TASK_CREATED",
        "MESSAGE_ACCEPTED",
        "STEP20",
        "TASK_EXPIRED",
        "CONFLICTING_CALLBACK",
    ]
    assert told["timeline"][0]["time"] == "2027-01-15T08:00:00.000Z"
    assert told["timeline"][5]["message"] == "switch on u1 at router 3: expired (no route to host)"
    assert told["payment"]["amount"] == "1000.50"
    assert told["payment"]["receiveTime"] is None
    assert [(one["body"], one["encoding"]) for one in told["deliveries"]] == [("{}", "utf-8"), ("/w==", "base64")]


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("", None),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("not json", "not json"),
        ('"\\ud800"', '"\\ud800"'),  # half a surrogate pair, as an old row may hold it
        ("NaN", "NaN"),
    ],
)
def test_details_are_shown_as_json_or_as_the_text_they_are(text, details):
    told = compose(known(timeline=[pb.TimelineEntry(create_time=at(0), details_json=text)]), None, [])
    assert told["timeline"][0]["details"] == details
    assert orjson.dumps(told)


def test_words_that_a_newer_service_may_send_are_shown_as_numbers():
    told = compose(pb.GetPaymentResponse(payment=pb.PaymentRecord(outcome=99, unmatched_reason=98)), [], [])
    assert (told["payment"]["outcome"], told["payment"]["reason"]) == ("number_99", "number_98")
