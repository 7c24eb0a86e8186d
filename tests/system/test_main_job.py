"""The main job, end to end: a payment turns a line back on, and everybody learns the truth."""

import calendar
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from billing.schema import isp_wallet
from gateway.dispatcher.limits import DispatchLimits

from tests.system.running import ADMINS, ISP_PHONE, eventually


def month_from_today():
    today = (datetime.now(UTC) + timedelta(hours=3)).date()
    year, month = (today.year, today.month + 1) if today.month < 12 else (today.year + 1, 1)
    return today.replace(year=year, month=month, day=min(today.day, calendar.monthrange(year, month)[1]))


@pytest.fixture(scope="module")
def paid(running):
    """What the first payment was answered; whichever of the tests that need it comes first makes it."""
    assert not running.is_enabled("0949AQ")
    return running.pay("0949AQ", trans_id="TKE34A5QM8")


def test_a_payment_turns_the_line_on_and_tells_everybody(running, paid):
    assert paid.status_code == 200
    body = paid.json()
    assert (body["ResultCode"], body["success"], body["processed"]) == (0, True, True)
    assert (body["transactionId"], body["processingResult"]["outcome"]) == ("TKE34A5QM8", "customer_paid")

    eventually(lambda: running.is_enabled("0949AQ"))
    customer = eventually(lambda: running.customer("0949AQ").status == "active" and running.customer("0949AQ"))
    assert customer.next_payment_date == month_from_today()
    assert running.one(isp_wallet, isp_id=customer.isp_id).balance == 100_000
    (told,) = eventually(lambda: running.inbox("254712000001"))
    assert "on until" in told
    for phone in (ISP_PHONE, *ADMINS):
        (notice,) = eventually(lambda phone=phone: running.inbox(phone))
        assert "CONNECTED" in notice
        assert "TKE34A5QM8" in notice
    running.check_books()


def test_the_timeline_tells_the_story_over_http_and_on_the_command_line(running, paid):
    eventually(lambda: "RECONNECTION_SUCCESS" in json.dumps(running.timeline("TKE34A5QM8")))
    told = json.dumps(running.timeline("TKE34A5QM8"))
    for word in ("PAYMENT_RECEIVED", "WALLET_UPDATED", "MIKROTIK_ATTEMPT", "RECONNECTION_SUCCESS", "customer_paid"):
        assert word in told
    environment = {**os.environ, **running.system.values}
    environment["REJESHA_GATEWAY_URL"] = str(running.http.base_url)
    command = [sys.executable, "-m", "rejesha_cli", "payment", "show", "tke34a5qm8"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    for word in ("RECONNECTION_SUCCESS", "KES 1,000.00", "0949AQ"):
        assert word in shown


def test_the_same_payment_again_is_answered_again_and_changes_nothing(running, paid):
    before = running.customer("0949AQ").next_payment_date
    answer = running.pay("0949AQ", trans_id="TKE34A5QM8", MSISDN="254712000001", OrgAccountBalance="5.00").json()
    assert (answer["processingResult"]["outcome"], answer["processingResult"]["repeated"]) == ("customer_paid", True)
    answer = running.pay("0949AQ", "9000", trans_id="TKE34A5QM8").json()
    assert (answer["processingResult"]["outcome"], answer["processingResult"]["success"]) == ("conflict", False)
    assert running.customer("0949AQ").next_payment_date == before
    eventually(lambda: any("TKE34A5QM8" in text and "9,000" in text for text in running.inbox(ADMINS[0])))
    running.check_books()


def test_an_unmatched_payment_is_held_and_does_everything_once_it_is_assigned(running):
    assert running.pay("95OAR", trans_id="HELD000001").json()["processingResult"]["outcome"] == "unmatched"
    environment = {**os.environ, **running.system.values}
    command = [sys.executable, "-m", "rejesha_cli", "payment", "assign", "HELD000001", "0950AR", "--by", "Jane"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    eventually(lambda: running.is_enabled("0950AR"))
    eventually(lambda: [text for text in running.inbox("254712000002") if "on until" in text])
    running.check_books()


@pytest.mark.parametrize("service", ["gateway", "dispatcher", "billing", "router-control", "notify"])
def test_a_process_killed_between_payment_and_reconnection_loses_nothing(running, service):
    account, phone = "0951AS", "254712000003"
    running.break_router("half-open")
    before = running.customer(account).next_payment_date
    trans_id = f"KILL{service.replace('-', '').upper()}"
    assert running.pay(account, trans_id=trans_id).status_code == 200
    running[service].kill()
    running.heal_router()
    running[service].start()
    running[service].wait_ready()
    # What a killed dispatcher was carrying out waits for its lease to run out.
    eventually(lambda: running.is_enabled(account), DispatchLimits().lease + 30)
    eventually(lambda: running.open_tasks() == 0, 60)
    assert running.customer(account).next_payment_date > before
    eventually(lambda: [text for text in running.inbox(phone) if trans_id in text])
    assert json.dumps(running.timeline(trans_id)).count('"RECONNECTION_SUCCESS"') == 1
    running.check_books()


def test_a_router_that_is_down_delays_only_the_reconnection_and_the_customer_knows(running):
    running.break_router("refuse")
    before = running.customer("0950AR").next_payment_date
    assert running.pay("0950AR", trans_id="DOWN000001").status_code == 200
    assert running.customer("0950AR").next_payment_date > before
    eventually(
        lambda: [text for text in running.inbox("254712000002") if "DOWN000001" in text and "automatically" in text]
    )
    running.heal_router()
    eventually(lambda: running.is_enabled("0950AR"), 90)
    eventually(lambda: [text for text in running.inbox("254712000002") if "on again" in text and "DOWN000001" in text])
    running.check_books()


def test_a_provider_that_is_down_delays_only_the_messages(running):
    running["textsms"].kill()
    answer = running.pay("ACC001", "250.50", trans_id="NOSMS00001")
    assert answer.json()["processingResult"]["outcome"] == "service_payment"
    eventually(lambda: running.open_tasks() == 0)
    running["textsms"].start()
    running["textsms"].wait_ready()
    eventually(lambda: [text for text in running.inbox(ADMINS[1]) if "NOSMS00001" in text], 90)
    running.check_books()


def test_a_callback_that_cannot_be_read_is_kept_and_the_admins_hear_of_it(running):
    answer = running.http.post("/callbackprocess", content=b'{"TransID": "TKE34A5QZZ", "TransAmount": "1000 KES"')
    assert answer.status_code == 400
    for phone in ADMINS:
        eventually(lambda phone=phone: any("rejesha quarantine list" in text for text in running.inbox(phone)), 60)
