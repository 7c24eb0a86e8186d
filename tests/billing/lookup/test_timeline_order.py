"""A payment's timeline as the gateway tells it, from what each database keeps: cause before consequence."""

from datetime import UTC, datetime, timedelta

from gateway.clients.timeline import read
from gateway.operations.timeline import compose

from tests.billing.serving import payment

ORDER = [
    "CALLBACK",
    "PAYMENT_RECEIVED",
    "CUSTOMER_PAYMENT_START",
    "USER_FOUND",
    "TRANSACTION_RECORDED",
    "WALLET_UPDATED",
    "PROCESSING_COMPLETE",
    "TASK_CREATED",
    "TASK_CREATED",
    "MIKROTIK_ATTEMPT",
    "RECONNECTION_SUCCESS",
    "TASK_DONE",
    "TASK_DONE",
]


def test_the_timeline_is_in_order_and_exact_on_every_database(client, dispatcher):
    # In the second half of its second: there MySQL rounds up what has whole seconds.
    came = (datetime.now(UTC) - timedelta(seconds=2)).replace(microsecond=700_001)
    paid = payment("A1")
    paid.receive_time.FromDatetime(came)
    client.record(paid)
    dispatcher.carry_out()
    document = compose(read(client.get("A1")), [], [])
    assert [event["event"] for event in document["timeline"]] == ORDER
    stamp = came.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert document["payment"]["receiveTime"] == stamp
    assert [event["time"] for event in document["timeline"][:2]] == [stamp, stamp]
    times = [event["time"] for event in document["timeline"]]
    assert times == sorted(times)
