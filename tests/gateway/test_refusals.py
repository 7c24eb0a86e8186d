import errno

import gateway.callbacks.routes
import pytest
import structlog
from gateway.callbacks.rules import Sources
from gateway_rig import callback, run_gateway

pytestmark = pytest.mark.anyio

SECRET = "a-live-secret-0123456789"
PHONE = "254700000126"


@pytest.fixture
async def logs():
    with structlog.testing.capture_logs() as events:
        yield events


@pytest.fixture
async def locked_gateway(world):
    async with run_gateway(world.plan(sources=Sources(secrets=[SECRET]))) as client:
        yield client


async def test_an_unforeseen_error_is_a_plain_500_and_tells_nothing_of_the_request(
    locked_gateway, logs, caplog, monkeypatch
):
    def stumble(*_arguments):
        raise RuntimeError(f"{SECRET} {PHONE}")

    monkeypatch.setattr(gateway.callbacks.routes, "parse_callback", stumble)
    answer = await locked_gateway.post(f"/callbackprocess/{SECRET}", json=callback(MSISDN=PHONE))
    assert answer.status_code == 500
    assert answer.json()["error"] == "Internal error"
    told = [event for event in logs if event["event"] == "request_failed"]
    assert [(event["route"], event["error"]) for event in told] == [("/callbackprocess/{secret}", "RuntimeError")]
    assert "stumble" in told[0]["frames"][-1]
    for text in (answer.text, str(logs), caplog.text):
        assert SECRET not in text
        assert PHONE not in text
        assert "Traceback" not in text


@pytest.mark.parametrize(
    ("path", "body", "event"),
    [
        (f"/callbackprocess/{SECRET}x", b"{}", "callback_refused"),
        (f"/callbackprocess/{SECRET}", f'{{"TransID": "{PHONE}!"}}'.encode(), "callback_malformed"),
        (f"/c2b/validation/{SECRET}", f'{{"TransID": "{PHONE}!"}}'.encode(), "validation_malformed"),
    ],
)
async def test_a_refused_request_is_logged_without_its_secret_and_number(locked_gateway, logs, path, body, event):
    await locked_gateway.post(path, content=body)
    assert event in [entry["event"] for entry in logs]
    assert SECRET not in str(logs)
    assert PHONE not in str(logs)


async def test_a_payment_that_is_not_stored_is_logged_by_its_trans_id_only(world, logs, failing_disk):
    world.billing.fake.delay = 30
    async with run_gateway(world.plan(intake_deadline=0.2)) as gateway:
        failing_disk.error = errno.EIO
        await gateway.post("/callbackprocess", json=callback(MSISDN=PHONE))
        world.billing.fake.delay = 0
    stored = [entry for entry in logs if entry["event"] == "payment_not_stored"]
    assert [entry["trans_id"] for entry in stored] == ["SAMPLE0001"]
    assert PHONE not in str(logs)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/callbackprocess", 405), ("PUT", "/health", 405)]
)
async def test_wrong_paths_and_methods_are_answered_in_json(locked_gateway, method, path, status):
    answer = await locked_gateway.request(method, path)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert (status != 405) or answer.headers["allow"]
