"""billing is away: payments are taken all the same, and everything follows when it is back."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from billing.schema import isp_wallet

from tests.databases import DATABASES
from tests.system.running import eventually

# What billing's absence does depends on no server: two databases are enough.
pytestmark = pytest.mark.parametrize("running", DATABASES[:2], indirect=True, scope="module")

IDS = [f"OUTAGE{number:04}" for number in range(30)]


def outcome(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["processingResult"]["outcome"]


def spool(running):
    environment = {**os.environ, **running.system.values, "REJESHA_GATEWAY_URL": str(running.http.base_url)}
    command = [sys.executable, "-m", "rejesha_cli", "spool", "--json"]
    return json.loads(subprocess.run(command, env=environment, check=False, capture_output=True).stdout)


def test_payments_taken_while_billing_is_dead_are_all_applied_once_though_the_gateway_dies_too(running):
    isp_id = running.customer("0949AQ").isp_id
    running["billing"].kill()
    with ThreadPoolExecutor(10) as senders:
        answers = list(senders.map(lambda one: running.pay("ACC001", "10.00", trans_id=one), IDS[:20]))
    assert {outcome(answer) for answer in answers} == {"spooled"}
    assert outcome(running.pay("0949AQ", trans_id="OUTAGELINE")) == "spooled"

    running["gateway"].kill()
    running["gateway"].start()
    running["gateway"].wait_ready()
    assert outcome(running.pay("0949AQ", "5.00", trans_id="OUTAGELINE")) == "spooled"
    for one in IDS[20:]:
        assert outcome(running.pay("ACC001", "10.00", trans_id=one)) == "spooled"
    told = spool(running)
    assert (told["waiting"], told["callbacks"][0]["transactionId"] in IDS) == (32, True)
    assert not running.is_enabled("0949AQ")

    running["billing"].start()
    running["billing"].wait_ready()
    eventually(lambda: spool(running)["state"] == "ok")
    eventually(lambda: running.is_enabled("0949AQ"))
    assert running.one(isp_wallet, isp_id=isp_id).balance == 30 * 1_000 + 100_000
    for one in IDS:
        assert running.timeline(one)["payment"]["outcome"] == "service_payment"
    story = running.timeline("OUTAGELINE")
    assert (story["payment"]["outcome"], story["payment"]["amount"]) == ("customer_paid", "1000.00")
    assert [delivery["conflicting"] for delivery in story["deliveries"]] == [False, True]
    assert outcome(running.pay("ACC001", "10.00", trans_id=IDS[0])) == "service_payment"  # the first answer again
    eventually(lambda: running.open_tasks() == 0, 60)
    running.check_books()


def test_a_malformed_callback_during_an_outage_reaches_the_quarantine_once_billing_is_back(running):
    running["billing"].kill()
    answer = running.http.post("/callbackprocess", content=b'{"TransID": "OUTAGEBAD1", "TransAmount": "ten"}')
    assert (answer.status_code, answer.json()["error"]) == (400, "TransAmount: is not a number")
    running["billing"].start()
    running["billing"].wait_ready()
    eventually(lambda: spool(running)["state"] == "ok")
    environment = {**os.environ, **running.system.values}
    command = [sys.executable, "-m", "rejesha_cli", "quarantine", "list", "--json"]
    listed = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert [callback["fault"] for callback in listed["callbacks"]] == ["TransAmount: is not a number"]
