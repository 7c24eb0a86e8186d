import asyncio
import json

import pytest
from gateway_rig import TOKEN, callback, run_gateway, until
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine_pb
from rejesha.notify.v1 import notify_service_pb2 as notify_pb
from spooling import drained, pay, state

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer caf\u00e9"])
async def test_without_the_token_nothing_is_told(gateway, header):
    await gateway.post("/callbackprocess", json=callback())
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for method, path in (
        ("GET", "/payments/SAMPLE0001"),
        ("GET", "/customers/0949AQ"),
        ("POST", "/quarantine/1/replay"),
    ):
        answer = await gateway.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"] == "Unauthorized"


async def test_a_payments_timeline_merges_what_billing_and_notify_know(gateway, world, authorized):
    world.billing.fake.creates_tasks = True
    await gateway.post("/callbackprocess", json=callback())
    world.notify.fake.messages["m1"] = notify_pb.OutgoingMessage(
        message_id="m1", phone="254700000126", subject="SAMPLE0001"
    )
    world.notify.fake.messages["m2"] = notify_pb.OutgoingMessage(message_id="m2", subject="OTHER")
    answer = await gateway.get("/payments/ sample0001 ", headers=authorized)
    assert answer.status_code == 200
    known = answer.json()
    assert known["payment"].pop("receiveTime").endswith("Z")
    assert known["payment"] == {
        "transactionId": "SAMPLE0001",
        "amount": "1000.00",
        "currency": "KES",
        "shortcode": "600000",
        "reference": "0949AQ",
        "assignedReference": None,
        "firstName": "Asha",
        "transTime": "20260131120000",
        "outcome": "customer_paid",
        "reason": None,
        "ispId": 1,
        "customerId": 7,
    }
    told = [(event["source"], event["event"]) for event in known["timeline"]]
    assert told == [
        ("mpesa", "CALLBACK"),
        ("billing", "WALLET_UPDATED"),
        ("task", "TASK_CREATED"),
        ("notify", "MESSAGE_ACCEPTED"),
        ("notify", "MESSAGE_SENT"),
    ]
    assert known["timeline"][1]["details"] == {"cents": 1}
    assert [task["work"] for task in known["tasks"]] == ["switch on user-SAMPLE0001 at router 1"]
    assert json.loads(known["deliveries"][0]["body"]) == callback()
    assert [message["messageId"] for message in known["messages"]] == ["m1"]
    assert known["notes"] == []


async def test_without_notify_the_timeline_is_shown_and_says_what_is_missing(gateway, world, authorized):
    await gateway.post("/callbackprocess", json=callback())
    await world.notify.down()
    known = (await gateway.get("/payments/SAMPLE0001", headers=authorized)).json()
    assert known["messages"] is None
    assert "notify cannot be asked" in known["notes"][0]
    assert [event["source"] for event in known["timeline"]] == ["mpesa", "billing"]


async def test_an_unknown_payment_is_404_and_billing_down_is_503(gateway, world, authorized):
    for trans_id in ("NOSUCH0001", "with space", "%00", "x" * 51):
        assert (await gateway.get(f"/payments/{trans_id}", headers=authorized)).status_code == 404
    await world.billing.down()
    assert (await gateway.get("/payments/SAMPLE0001", headers=authorized)).status_code == 503


async def test_a_customers_timeline_merges_what_billing_and_notify_know(gateway, world, authorized):
    await gateway.post("/callbackprocess", json=callback())
    for name, phone in (("m1", "254700000126"), ("m2", "254700000999")):
        world.notify.fake.messages[name] = notify_pb.OutgoingMessage(message_id=name, phone=phone)
    answer = await gateway.get("/customers/0949AQ", headers=authorized)
    assert answer.status_code == 200
    known = answer.json()
    assert (known["customer"]["customerId"], known["customer"]["account"], known["notes"]) == (7, "0949AQ", [])
    times = [event["time"] for event in known["timeline"]]
    assert times == sorted(times, reverse=True)
    of = {event["event"]: event["details"] for event in known["timeline"]}
    assert set(of) == {"PAYMENT", "RECORD_CHANGED", "MESSAGE_ACCEPTED", "MESSAGE_SENT"}
    paid = of["PAYMENT"]
    assert (paid["transactionId"], paid["amount"], paid["dueDateAfter"]) == ("SAMPLE0001", "1000.00", "2026-12-31")
    assert (of["RECORD_CHANGED"]["actor"], of["RECORD_CHANGED"]["reason"]) == ("Asha", "away")
    assert [message["messageId"] for message in known["messages"]] == ["m1"]


async def test_an_unknown_customer_is_404_and_who_cannot_be_asked_is_said(gateway, world, authorized):
    for account in ("0000ZZ", "%00", "x" * 101):
        assert (await gateway.get(f"/customers/{account}", headers=authorized)).status_code == 404
    await world.notify.down()
    known = (await gateway.get("/customers/0949AQ", headers=authorized)).json()
    assert (known["messages"], "notify cannot be asked" in known["notes"][0]) == (None, True)
    await world.billing.down()
    assert (await gateway.get("/customers/0949AQ", headers=authorized)).status_code == 503


async def keep(gateway, body):
    answer = await gateway.post("/callbackprocess", content=body)
    return answer.json()["quarantineId"]


async def test_a_corrected_callback_becomes_a_payment_and_closes_the_quarantined_one(gateway, world, authorized):
    callback_id = await keep(gateway, json.dumps(callback(TransAmount="1.000,00")).encode())
    answer = await gateway.post(f"/quarantine/{callback_id}/replay", json=callback(), headers=authorized)
    assert answer.status_code == 200
    assert answer.json()["transactionId"] == "SAMPLE0001"
    assert answer.json()["processingResult"]["outcome"] == "customer_paid"
    assert world.billing.fake.payments["SAMPLE0001"].source_address == "127.0.0.1"
    kept = world.billing.fake.kept[callback_id]
    assert (kept.state, kept.trans_id) == (quarantine_pb.QUARANTINE_STATE_REPLAYED, "SAMPLE0001")
    again = await gateway.post(f"/quarantine/{callback_id}/replay", json=callback(), headers=authorized)
    assert (again.status_code, again.json()["error"]) == (409, "It was replayed before as SAMPLE0001")


async def test_a_kept_body_is_read_again_once_billing_takes_it(gateway, world, authorized):
    world.billing.fake.refuses = "SAMPLE0001"
    callback_id = await keep(gateway, json.dumps(callback()).encode())
    path = f"/quarantine/{callback_id}/replay"
    refused = await gateway.post(path, headers=authorized)
    assert (refused.status_code, refused.json()["error"]) == (400, "payment: said no")
    world.billing.fake.refuses = ""
    assert (await gateway.post(path, headers=authorized)).status_code == 200


async def test_a_replay_that_does_not_place_the_money_leaves_the_callback_open(gateway, world, authorized):
    await gateway.post("/callbackprocess", json=callback())
    callback_id = await keep(gateway, b"broken")
    path = f"/quarantine/{callback_id}/replay"
    still_bad = await gateway.post(path, headers=authorized)
    assert (still_bad.status_code, still_bad.json()["error"]) == (400, "body: not JSON (line 1, column 1)")
    conflict = await gateway.post(path, json=callback(TransAmount="7"), headers=authorized)
    assert conflict.json()["processingResult"]["outcome"] == "conflict"
    assert world.billing.fake.kept[callback_id].state == quarantine_pb.QUARANTINE_STATE_OPEN
    assert len(world.billing.fake.kept) == 1  # a failed replay is not quarantined once more


@pytest.mark.parametrize(("callback_id", "status"), [("99", 404), ("0", 422), ("x", 422), (str(2**63), 422)])
async def test_a_wrong_quarantine_id_is_said_so(gateway, authorized, callback_id, status):
    assert (await gateway.post(f"/quarantine/{callback_id}/replay", headers=authorized)).status_code == status


async def test_replaying_while_billing_is_away_is_503(world, authorized):
    async with run_gateway(world.plan(intake_deadline=0.3)) as gateway:
        callback_id = await keep(gateway, b"broken")
        await world.billing.down()
        answer = await gateway.post(f"/quarantine/{callback_id}/replay", json=callback(), headers=authorized)
        assert answer.status_code == 503


async def test_a_replay_does_not_overtake_a_delivery_of_the_same_payment_that_is_under_way(world, authorized):
    async with run_gateway(world.plan(intake_deadline=0.8)) as gateway:
        callback_id = await keep(gateway, b"broken")
        world.billing.fake.delay = 3600
        delivery = asyncio.create_task(pay(gateway))
        await until(lambda: world.billing.fake.records_at_once)
        world.billing.fake.delay = 0  # from now on it would answer at once
        path = f"/quarantine/{callback_id}/replay"
        replay = await gateway.post(path, json=callback(TransAmount="5.00"), headers=authorized)
        assert (await delivery, replay.status_code) == ("spooled", 200)
        await drained(gateway)
    assert world.billing.fake.payments["SAMPLE0001"].amount_cents == 100_000
    assert [payment.amount_cents for payment in world.billing.fake.conflicts] == [500]


async def test_a_replay_that_billing_cannot_record_now_is_spooled_and_its_callback_stays_open(world, authorized):
    async with run_gateway(world.plan()) as gateway:
        callback_id = await keep(gateway, b"broken")
        path = f"/quarantine/{callback_id}/replay"
        world.billing.fake.database_refuses = "SAMPLE0001"
        for waiting in (1, 2):
            answer = await gateway.post(path, json=callback(), headers=authorized)
            assert (answer.status_code, answer.json()["processingResult"]["outcome"]) == (200, "spooled")
            assert (await state(gateway))["waiting"] == waiting
        assert world.billing.fake.kept[callback_id].state == quarantine_pb.QUARANTINE_STATE_OPEN
        world.billing.fake.database_refuses = ""
        await drained(gateway)
        again = await gateway.post(path, json=callback(), headers=authorized)
        assert again.json()["processingResult"]["repeated"] is True
    assert world.billing.fake.kept[callback_id].state == quarantine_pb.QUARANTINE_STATE_REPLAYED
    assert not world.billing.fake.conflicts


async def test_a_replay_that_billing_breaks_on_is_not_quarantined_once_more(gateway, world, authorized):
    callback_id = await keep(gateway, b"broken")
    world.billing.fake.breaks = "SAMPLE0001"
    answer = await gateway.post(f"/quarantine/{callback_id}/replay", json=callback(), headers=authorized)
    assert answer.status_code == 503
    assert len(world.billing.fake.kept) == 1
