"""What M-Pesa is told when it asks whether to take a payment."""

import pytest
from gateway_rig import callback, run_gateway

pytestmark = pytest.mark.anyio

ACCEPTED = {"ResultCode": "0", "ResultDesc": "Accepted"}


def rejected(code):
    return {"ResultCode": code, "ResultDesc": "Rejected"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, ACCEPTED),
        ({"TransAmount": "1.00"}, ACCEPTED),
        ({"BillRefNumber": "sms001"}, ACCEPTED),
        ({"BillRefNumber": "NOPACK"}, ACCEPTED),
        ({"BillRefNumber": ""}, rejected("C2B00012")),
        ({"BillRefNumber": "4711ZZ"}, rejected("C2B00012")),
        ({"BillRefNumber": "SMS999"}, rejected("C2B00012")),
        ({"BillRefNumber": "TWICE1"}, rejected("C2B00012")),
        ({"TransAmount": "ten"}, rejected("C2B00013")),
        ({"TransAmount": "0"}, rejected("C2B00013")),
        ({"BusinessShortCode": "1"}, rejected("C2B00015")),
        ({"TransID": ...}, ACCEPTED),
    ],
)
async def test_validation_refuses_only_what_could_not_be_placed(gateway, world, changes, verdict):
    answer = await gateway.post("/c2b/validation", json=callback(**changes))
    assert (answer.status_code, answer.json()) == (200, verdict)
    assert not world.billing.fake.payments
    assert not world.billing.fake.kept


async def test_validation_accepts_when_billing_is_down_or_slow_or_the_body_is_odd(world):
    async with run_gateway(world.plan(validation_deadline=0.3)) as gateway:
        assert (await gateway.post("/c2b/validation", content=b"\xff")).json() == ACCEPTED
        unknown = callback(BillRefNumber="4711ZZ")
        world.billing.fake.delay = 30
        assert (await gateway.post("/c2b/validation", json=unknown)).json() == ACCEPTED
        await world.billing.down()
        assert (await gateway.post("/c2b/validation", json=unknown)).json() == ACCEPTED
