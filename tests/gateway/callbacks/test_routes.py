import asyncio
import errno
import json

import grpc
import pytest
from gateway.callbacks.raw import MAX_BODY_BYTES
from gateway.callbacks.rules import Sources, networks
from gateway.clients.billing import Billing
from gateway_rig import callback, counted, post_raw, run_gateway, until

pytestmark = pytest.mark.anyio

SECRETS = ("old-secret-0123456789", "new-secret-0123456789")


@pytest.mark.parametrize("path", ["/callbackprocess", "/c2b/confirmation"])
async def test_a_payment_is_recorded_before_it_is_answered(gateway, world, path):
    body = json.dumps(callback()).encode()
    answer = await gateway.post(path, content=body)
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "ResultCode": 0,
        "ResultDesc": "Accepted",
        "success": True,
        "processed": True,
        "transactionId": "SAMPLE0001",
        "processingResult": {
            "outcome": "customer_paid",
            "success": True,
            "repeated": False,
            "ispId": 1,
            "customerId": 7,
        },
    }
    stored = world.billing.fake.payments["SAMPLE0001"]
    assert stored.callback_body == body
    assert stored.source_address == "127.0.0.1"
    assert "server" not in answer.headers


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""])
async def test_the_content_type_does_not_matter(gateway, content_type):
    answer = await gateway.post(
        "/callbackprocess", content=json.dumps(callback()), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"TransAmount": "999.99"}, {"outcome": "customer_partial", "success": True, "ispId": 1, "customerId": 7}),
        ({"BillRefNumber": "sms 001"}, {"outcome": "sms_credits", "success": True, "ispId": 1}),
        ({"BillRefNumber": "4711ZZ"}, {"outcome": "unmatched", "success": False, "reason": "user_not_found"}),
        ({"BusinessShortCode": "1"}, {"outcome": "unmatched", "success": False, "reason": "unknown_shortcode"}),
    ],
)
async def test_the_answer_says_what_became_of_the_money(gateway, changes, result):
    answer = await gateway.post("/callbackprocess", json=callback(**changes))
    assert answer.status_code == 200
    assert answer.json()["processingResult"] == {**result, "repeated": False}


async def test_a_second_delivery_gets_the_first_answer_and_a_contradicting_one_is_a_conflict(gateway):
    first = (await gateway.post("/callbackprocess", json=callback())).json()["processingResult"]
    again = (await gateway.post("/callbackprocess", json=callback(OrgAccountBalance="5"))).json()["processingResult"]
    other = await gateway.post("/callbackprocess", json=callback(TransAmount="1.00"))
    assert again == {**first, "repeated": True}
    assert other.status_code == 200
    assert other.json()["processingResult"] == {"outcome": "conflict", "success": False, "repeated": True}


async def test_a_payment_that_the_database_refused_is_held_and_so_accepted(gateway, world):
    world.billing.fake.quarantines = "SAMPLE0001"
    answer = await gateway.post("/callbackprocess", json=callback())
    assert answer.status_code == 200
    assert answer.json()["processingResult"] == {"outcome": "quarantined", "success": False, "repeated": False}


BAD = [
    (b"not json", 400, "body: not JSON (line 1, column 1)"),
    (b"[1, 2]", 400, "body: not a JSON object"),
    (b'{"TransID": "\xff\xfe"}', 400, "body: not UTF-8"),
    (b"x" * 1_000_000, 413, f"body: longer than {MAX_BODY_BYTES} bytes"),
    (callback(TransID=...), 400, "Missing TransID"),
    (callback(TransID=""), 400, "Missing TransID"),
    (callback(TransAmount=-5), 400, "TransAmount: is negative"),
    (callback(TransAmount="0.00"), 400, "TransAmount: is zero"),
    (callback(TransAmount="99999999999999"), 400, "TransAmount: is larger than 9,999,999,999.99"),
    (callback(TransAmount="1.005"), 400, "TransAmount: has more than two decimals"),
    (callback(TransAmount=[1]), 400, "TransAmount: neither text nor a number"),
    (callback(TransID="'; DROP TABLE x; --"), 400, "TransID: not 1 to 50 letters and digits"),
]


@pytest.mark.parametrize(("body", "status", "fault"), BAD)
async def test_a_malformed_callback_is_refused_by_name_and_its_body_kept(gateway, world, body, status, fault):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await gateway.post("/callbackprocess", content=content)
    assert answer.status_code == status
    told = answer.json()
    assert told.pop("timestamp")
    assert told == {
        "ResultCode": 1,
        "ResultDesc": "Rejected",
        "success": False,
        "error": fault,
        "quarantineId": 1,
    }
    kept = world.billing.fake.kept[1]
    assert kept.callback_body == content[:MAX_BODY_BYTES]
    assert (kept.fault, kept.truncated, kept.source_address) == (fault, len(content) > MAX_BODY_BYTES, "127.0.0.1")
    assert not world.billing.fake.payments


@pytest.mark.parametrize("field", sorted(callback()))
async def test_sql_in_any_field_is_only_text(gateway, world, field):
    answer = await gateway.post("/callbackprocess", json=callback(**{field: "1'); DROP TABLE paybill_payments; --"}))
    assert answer.status_code in (200, 400)
    assert len(world.billing.fake.payments) + len(world.billing.fake.kept) == 1


@pytest.mark.parametrize("body", [b"", b"   ", b"{}", b"[]", b"null"])
async def test_a_body_without_anything_in_it_is_refused_and_not_kept(gateway, world, body):
    answer = await gateway.post("/callbackprocess", content=body)
    assert answer.status_code == 400
    assert "quarantineId" not in answer.json()
    assert not world.billing.fake.kept


async def test_a_malformed_callback_that_cannot_be_kept_is_not_answered_as_if_it_were(world, failing_disk):
    async with run_gateway(world.plan()) as gateway:
        world.billing.fake.quarantine_fails = True
        failing_disk.error = errno.EIO
        answer = await gateway.post("/callbackprocess", content=b"not json")
    assert (answer.status_code, answer.json()["success"]) == (503, False)


async def test_a_payment_that_billing_refuses_is_kept_and_its_neighbours_are_recorded(gateway, world):
    world.billing.fake.delay = 0.1  # so that the others gather in one batch behind the first two
    world.billing.fake.refuses = "BATCHED017"
    ids = [f"BATCHED{number:03}" for number in range(40)]
    answers = await asyncio.gather(*(gateway.post("/callbackprocess", json=callback(one)) for one in ids))
    assert [answer.status_code for answer in answers] == [400 if one == "BATCHED017" else 200 for one in ids]
    assert answers[17].json()["error"] == "payment: said no"
    assert world.billing.fake.kept[1].fault == "payment: said no"
    assert sorted(world.billing.fake.payments) == [one for one in ids if one != "BATCHED017"]


async def test_a_thousand_payments_at_once_need_few_calls_and_each_gets_its_own_answer(gateway, world):
    world.billing.fake.delay = 0.3
    ids = [f"LOAD{number:04}" for number in range(1000)]
    bodies = [json.dumps(callback(one)).encode() for one in ids]
    answers = await asyncio.gather(*(post_raw(gateway, "/callbackprocess", body) for body in bodies))
    assert {status for status, _ in answers} == {200}
    assert [told["transactionId"] for _, told in answers] == ids
    sizes = world.billing.fake.record_sizes
    assert sum(sizes) == 1000
    assert len(sizes) < 40
    assert max(sizes) <= 200
    assert world.billing.fake.max_records_at_once <= 2


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
async def test_a_payment_that_billing_cannot_store_is_held_on_disk_and_so_accepted(gateway, world, code):
    world.billing.fake.fail_with = code
    answer = await gateway.post("/callbackprocess", json=callback())
    assert answer.status_code == 200
    told = answer.json()
    assert (told["ResultCode"], told["success"], told["processed"]) == (0, True, True)
    assert told["processingResult"] == {"outcome": "spooled", "success": False, "repeated": False}
    world.billing.fake.fail_with = None
    await until(lambda: "SAMPLE0001" in world.billing.fake.payments)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
async def test_a_payment_that_nobody_can_store_is_answered_503(world, code, failing_disk):
    async with run_gateway(world.plan()) as gateway:
        world.billing.fake.fail_with = code
        failing_disk.error = errno.EIO
        answer = await gateway.post("/callbackprocess", json=callback())
        assert answer.status_code == 503
        assert answer.json()["success"] is False
        assert answer.headers["retry-after"]
        world.billing.fake.fail_with = None
        assert (await gateway.post("/callbackprocess", json=callback())).status_code == 200
    assert list(world.billing.fake.payments) == ["SAMPLE0001"]


async def test_a_payment_that_only_billing_breaks_on_is_held_in_quarantine(gateway, world):
    world.billing.fake.breaks = "SAMPLE0001"
    answer = await gateway.post("/callbackprocess", json=callback())
    assert answer.status_code == 200
    assert answer.json()["processingResult"] == {"outcome": "quarantined", "success": False, "repeated": False}
    assert world.billing.fake.kept[1].fault == "payment: billing could not record it (INTERNAL)"


async def test_a_restart_of_billing_within_the_deadline_costs_no_callback(world, monkeypatch):
    calls = counted(monkeypatch, Billing, "record")
    async with run_gateway(world.plan(intake_deadline=10)) as gateway:
        await world.billing.down()
        waiting = asyncio.create_task(gateway.post("/callbackprocess", json=callback()))
        await until(lambda: calls)
        assert not waiting.done()
        await world.billing.up()
        assert (await waiting).status_code == 200


async def test_billing_too_slow_costs_nobody_a_callback(world):
    world.billing.fake.delay = 30
    async with run_gateway(world.plan(intake_deadline=0.4)) as gateway:
        ids = [f"SLOW{number}" for number in range(20)]
        answers = await asyncio.gather(*(gateway.post("/callbackprocess", json=callback(one)) for one in ids))
        assert {answer.json()["processingResult"]["outcome"] for answer in answers} == {"spooled"}
        world.billing.fake.delay = 0
        await until(lambda: sorted(world.billing.fake.payments) == sorted(ids))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/callbackprocess", 403),
        ("/callbackprocess/wrong", 403),
        (f"/callbackprocess/{SECRETS[0]}", 200),
        (f"/c2b/confirmation/{SECRETS[1]}", 200),
        ("/c2b/validation", 403),
        (f"/c2b/validation/{SECRETS[1]}", 200),
    ],
)
async def test_only_a_live_secret_lets_a_callback_in(world, path, status):
    async with run_gateway(world.plan(sources=Sources(secrets=SECRETS))) as gateway:
        answer = await gateway.post(path, json=callback())
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"] == "Forbidden"
        assert not world.billing.fake.payments


@pytest.mark.parametrize(
    ("forwarded_for", "status"),
    [
        (["196.201.214.200"], 200),
        (["203.0.113.9"], 403),
        (["196.201.214.200, 203.0.113.9"], 403),
        (["196.201.214.200", "203.0.113.9"], 403),
        ([], 403),
    ],
)
async def test_behind_a_trusted_proxy_the_forwarded_sender_counts(world, forwarded_for, status):
    sources = Sources(allowed=networks(["196.201.214.0/24"]), trusted_proxies=networks(["127.0.0.1"]))
    headers = [("X-Forwarded-For", value) for value in forwarded_for]
    async with run_gateway(world.plan(sources=sources)) as gateway:
        answer = await gateway.post("/callbackprocess", json=callback(), headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert world.billing.fake.payments["SAMPLE0001"].source_address == "196.201.214.200"
