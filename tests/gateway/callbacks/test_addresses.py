"""An address that was registered a little wrong costs nobody his payment."""

import json

import pytest
import structlog
from gateway.callbacks.rules import Sources, networks
from gateway_rig import callback, post_raw, run_gateway

pytestmark = pytest.mark.anyio

SECRET = "a-live-secret-0123456789"
OTHER = "another-secret_0123456.~"
BODY = json.dumps(callback()).encode()
ESCAPED = "".join(f"%{ord(letter):02X}" for letter in SECRET)


@pytest.fixture
def events():
    with structlog.testing.capture_logs() as events:
        yield events


@pytest.fixture
async def locked(world):
    async with run_gateway(world.plan(sources=Sources(secrets=[OTHER, SECRET]))) as client:
        yield client


def odd(events):
    return [event for event in events if event["event"] == "callback_at_odd_address"]


@pytest.mark.parametrize(
    "path",
    [
        f"//c2b/confirmation/{SECRET}",
        f"/c2b//confirmation///{SECRET}//",
        f"/C2B/Confirmation/{SECRET}",
        f"/CallbackProcess/{SECRET}",
        f"/c2b/confirmation/{SECRET}%20",
        f"/c2b/confirmation/%0A{SECRET}",
        f"/%63allbackprocess/{ESCAPED}",
        f"/callbackprocess%2F{SECRET}",
        f"/callbackprocess/{ESCAPED.replace('%', '%25')}",
        f"http://pay.example//callbackprocess/{OTHER}",
    ],
)
async def test_slashes_case_blanks_and_escapes_do_not_matter(locked, world, events, path):
    status, _ = await post_raw(locked, path, BODY)
    assert status == 200
    assert world.billing.fake.payments["SAMPLE0001"].callback_body == BODY
    assert not odd(events)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        (f"/c2b/confirm/{SECRET}", "/c2b/confirm/{secret}"),
        (f"/confirmation/{SECRET}", "/confirmation/{secret}"),
        (f"/{SECRET}/callbackprocess", "/{secret}/callbackprocess"),
        (f"/api/v1/CallbackProcess/{SECRET}", "/api/v1/callbackprocess/{secret}"),
        (f"/callbackprocess/{SECRET}/extra", "/callbackprocess/{secret}/extra"),
        (f"/callbackprocess/{SECRET}&from=m-pesa", "/callbackprocess/{secret}"),
        (f"/callbackprocess/{SECRET}/{SECRET}", "/callbackprocess/{secret}/{secret}"),
        (f"/callbackprocess?secret={SECRET}", "/callbackprocess"),
    ],
)
async def test_an_odd_address_that_names_the_confirmation_is_taken_as_one_and_told(locked, world, events, path, route):
    status, _ = await post_raw(locked, path, BODY)
    assert status == 200
    assert "SAMPLE0001" in world.billing.fake.payments
    assert [(event["route"], event["taken_as"]) for event in odd(events)] == [(route, "confirmation")]
    assert SECRET not in str(events)


@pytest.mark.parametrize(
    "path", [f"/c2b/validate/{SECRET}", f"/validation/{SECRET}", f"/c2b/validation/{SECRET}/x", f"/Valid/{SECRET}"]
)
async def test_an_odd_address_that_names_the_validation_takes_no_payment(locked, world, path):
    unknown = json.dumps(callback(BillRefNumber="4711ZZ")).encode()
    assert await post_raw(locked, path, unknown) == (200, {"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    assert not world.billing.fake.payments
    assert not world.billing.fake.kept


@pytest.mark.parametrize(
    "path",
    [
        f"/{SECRET}",
        f"//{SECRET}/",
        f"/c2b/{SECRET}",
        f"/callback/{SECRET}",
        f"/c2b/validation-or-confirmation/{SECRET}",
        f"/payments/{SECRET}",
        f"/{OTHER}",
    ],
)
async def test_what_comes_to_an_unclear_address_with_the_secret_is_kept_and_told(locked, world, events, path):
    status, told = await post_raw(locked, path, BODY)
    assert (status, told["success"], told["quarantineId"]) == (404, False, 1)
    assert world.billing.fake.kept[1].callback_body == BODY
    assert world.billing.fake.kept[1].fault.startswith("address: ")
    assert not world.billing.fake.payments
    assert [event["taken_as"] for event in odd(events)] == ["unclear"]
    assert SECRET not in str(events)
    assert OTHER not in str(events)


async def test_what_was_kept_for_its_address_can_be_replayed(locked, world, authorized):
    _, told = await post_raw(locked, f"/{SECRET}", BODY)
    answer = await locked.post(f"/quarantine/{told['quarantineId']}/replay", headers=authorized)
    assert (answer.status_code, answer.json()["transactionId"]) == (200, "SAMPLE0001")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/nothing", 404),
        (f"/c2b/confirm/{SECRET[:-1]}", 404),
        (f"/c2b/confirmation/{SECRET.upper()}", 403),
        (f"/c2b/confirmation/{SECRET[::-1]}", 403),
        (f"/c2b/confirmation/{SECRET}x", 403),
        ("/" + "x/" * 5_000 + SECRET, 404),
    ],
)
async def test_without_the_secret_nothing_is_kept(locked, world, path, status):
    assert (await post_raw(locked, path, BODY))[0] == status
    assert not world.billing.fake.payments
    assert not world.billing.fake.kept


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [f"/callbackprocess/{SECRET}", f"/{SECRET}"])
async def test_what_is_not_posted_is_only_told(locked, world, events, method, path):
    assert (await locked.request(method, path, content=BODY)).status_code in (404, 405)
    assert not world.billing.fake.kept
    assert [(event["method"], event["taken_as"]) for event in odd(events)] == [(method, "nothing")]
    assert SECRET not in str(events)


async def test_the_network_is_a_lock_at_odd_addresses_too(world):
    sources = Sources(secrets=[SECRET], allowed=networks(["196.201.214.0/24"]))
    async with run_gateway(world.plan(sources=sources)) as gateway:
        assert (await post_raw(gateway, f"/{SECRET}", BODY))[0] == 403
        assert (await post_raw(gateway, f"//callbackprocess/{SECRET}", BODY))[0] == 403
    assert not world.billing.fake.kept


@pytest.mark.parametrize("path", ["//callbackprocess", "/C2B//Confirmation/", "/callbackprocess/whatever"])
async def test_without_secrets_slashes_and_case_do_not_matter_either(gateway, world, path):
    assert (await post_raw(gateway, path, BODY))[0] == 200
    assert (await post_raw(gateway, "/whatever", BODY))[0] == 404
    assert not world.billing.fake.kept


async def test_an_empty_post_to_an_unclear_address_is_not_kept(locked, world):
    status, told = await post_raw(locked, f"/{SECRET}", b"")
    assert (status, "quarantineId" in told) == (404, False)
    assert not world.billing.fake.kept
