import os
import subprocess
import sys

import httpx
import pytest

from simulators.textsms import Fault, TextSmsSimulator
from simulators.textsms.exchange import DESCRIPTIONS, Account

LOGIN = {"apikey": "k", "partnerID": "7", "shortcode": "S"}
PHONE = "254712345678"


@pytest.fixture
def sms():
    with TextSmsSimulator(account=Account("k", "7", "S")) as simulator:
        yield simulator


@pytest.fixture
def client(sms):
    # It reads the authorities' certificates otherwise, which takes longer than most tests.
    with httpx.Client(base_url=sms.url, timeout=5, trust_env=False, verify=False) as client:
        yield client


def item(**changes):
    return {**LOGIN, "mobile": PHONE, "message": "hello", **changes}


def bulk(*items):
    return {
        "count": len(items),
        "smslist": [{"pass_type": "plain", "clientsmsid": n, **i} for n, i in enumerate(items)],
    }


def codes(answer):
    return [result["respose-code"] for result in answer.json()["responses"]]


def test_sendsms_answers_in_the_documented_shape_by_post_and_by_get(client, sms):
    answers = (client.post("sendsms/", json=item()), client.get("sendsms/", params=item()))
    for answer, received in zip(answers, sms.inbox(), strict=True):
        (result,) = answer.json()["responses"]
        assert result == {
            "respose-code": 200,
            "response-description": "Success",
            "mobile": 254712345678,
            "messageid": received.messageid,
            "networkid": "1",
        }
    assert [received.message for received in sms.inbox(PHONE)] == ["hello", "hello"]


def test_sendsms_takes_a_comma_list_of_numbers(client, sms):
    assert codes(client.post("sendsms/", json=item(mobile="0712345678,0201234567,0722000000"))) == [200, 1003, 200]
    assert [received.mobile for received in sms.inbox()] == [PHONE, "254722000000"]


def test_a_bulk_has_a_result_for_each_item_with_its_reference(client, sms):
    answer = client.post("sendbulk/", json=bulk(item(), item(mobile="12"), item(message="")))
    assert codes(answer) == [200, 1003, 1009]
    assert [result["clientsmsid"] for result in answer.json()["responses"]] == [0, 1, 2]
    assert len(sms.inbox()) == 1


@pytest.mark.parametrize("count", [0, 21])
def test_a_bulk_of_none_or_more_than_20_is_refused_whole(client, sms, count):
    assert client.post("sendbulk/", json=bulk(*[item()] * count)).json()["response-code"] == 1010
    assert sms.inbox() == []


@pytest.mark.parametrize("path", ["sendsms/", "sendbulk/"])
@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"smslist": 5}', b'{"smslist": [5]}'])
def test_a_body_that_is_no_request_is_refused_whole(client, path, body):
    assert client.post(path, content=body).json()["response-code"] in {1010, 4091}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"partnerID": ""}, 4091), ({"apikey": ""}, 4092), ({"apikey": "x"}, 1006), ({"partnerID": "8"}, 1006)],
)
def test_a_login_that_is_refused_is_told_at_the_top_of_the_body(client, changes, code):
    for path, body in (("sendsms/", item(**changes)), ("sendbulk/", bulk(item(**changes)))):
        assert client.post(path, json=body).json() == {
            "response-code": code,
            "response-description": DESCRIPTIONS[code],
        }


def test_another_sender_id_is_refused(client):
    assert codes(client.post("sendsms/", json=item(shortcode="Bank"))) == [1001]


def test_credits_run_out_and_the_balance_tells(client):
    with TextSmsSimulator(credits_left=1) as sms:
        post = httpx.Client(base_url=sms.url, trust_env=False).post
        assert codes(post("sendbulk/", json=bulk(item(), item()))) == [200, 1004]
        assert post("getbalance/", json=LOGIN).json()["credit"] == "0"


def test_a_delivery_report_is_there_for_a_taken_message_only(client):
    taken = client.post("sendsms/", json=item()).json()["responses"][0]["messageid"]
    report = client.post("getdlr/", json={**LOGIN, "messageID": taken}).json()
    assert (report["response-code"], report["delivery-description"]) == (200, "DeliveredToTerminal")
    assert client.post("getdlr/", json={**LOGIN, "messageID": taken + 1}).json()["response-code"] == 1009


@pytest.mark.parametrize("code", [code for code in DESCRIPTIONS if code != 200])
def test_every_code_can_be_asked_for_and_takes_nothing(client, sms, code):
    sms.add_fault(Fault(kind="code", code=code, count=1))
    assert codes(client.post("sendbulk/", json=bulk(item(), item()))) == [code, 200]
    assert len(sms.inbox()) == 1


@pytest.mark.parametrize("taken", [False, True])
def test_faults_in_place_of_an_answer_take_the_messages_or_not(client, sms, taken):
    sms.add_fault(Fault(kind="http_error", status=503, count=1, taken=taken))
    sms.add_fault(Fault(kind="not_json", count=1, taken=taken))
    sms.add_fault(Fault(kind="reset", count=1, taken=taken))
    assert client.post("sendsms/", json=item()).status_code == 503
    with pytest.raises(ValueError):
        client.post("sendsms/", json=item()).json()
    with pytest.raises(httpx.ReadError):
        client.post("sendsms/", json=item())
    assert len(sms.inbox()) == 3 * taken


def test_silence_takes_the_message_and_never_answers(client, sms):
    sms.add_fault(Fault(kind="silence", count=1))
    with pytest.raises(httpx.ReadTimeout):
        client.post("sendsms/", json=item(), timeout=0.3)
    assert len(sms.inbox()) == 1
    assert codes(client.post("sendsms/", json=item())) == [200]


def test_answers_can_be_misshapen(client, sms):
    for kind in ("right_spelling", "no_echo", "shuffle", "omit", "delay", "drip"):
        sms.add_fault(Fault(kind=kind, count=1, seconds=0))
    results = client.post("sendbulk/", json=bulk(*[item()] * 3)).json()["responses"]
    assert len(results) == 2
    assert all(result["response-code"] == 200 and "clientsmsid" not in result for result in results)
    assert len(sms.inbox()) == 3


def test_a_fault_may_strike_some_messages_of_a_bulk_only(client, sms):
    sms.add_fault(Fault(kind="code", code=1003, mobile=PHONE))
    sms.add_fault(Fault(kind="code", code=1005, probability=0))
    assert codes(client.post("sendbulk/", json=bulk(item(mobile="0722000000"), item()))) == [200, 1003]


def test_the_inbox_and_the_faults_are_kept_over_http(client, sms):
    root = f"http://{sms.host}:{sms.port}"
    assert client.post(f"{root}/faults", json={"kind": "code", "code": 1005, "count": 2}).status_code == 201
    assert client.post(f"{root}/faults", json={"kind": "code"}).status_code == 422
    client.post("sendsms/", json=item())
    assert [fault["count"] for fault in client.get(f"{root}/faults").json()] == [1]
    client.delete(f"{root}/faults")
    for text in ("one", "two"):
        client.post("sendsms/", json=item(message=text))
    assert [m["message"] for m in client.get(f"{root}/inbox", params={"mobile": "0712345678"}).json()] == ["one", "two"]
    assert client.get(f"{root}/inbox", params={"mobile": "0722000000"}).json() == []
    assert client.get(f"{root}/calls").json() == [{"endpoint": "sendsms", "messages": 1}] * 3
    client.delete(f"{root}/inbox")
    assert client.get(f"{root}/inbox").json() == []


@pytest.mark.processes
def test_as_a_process_it_keeps_its_inbox_in_a_file(tmp_path):
    for expected in (1, 2):
        with _process("--state-file", str(tmp_path / "inbox.jsonl")) as (process, url):
            assert codes(httpx.post(f"{url}sendsms/", json=item(), trust_env=False)) == [200]
            inbox = httpx.get(url.replace("api/services/", "inbox"), trust_env=False).json()
            assert [message["messageid"] for message in inbox] == list(range(1, expected + 1))
            process.terminate()
            assert process.wait(20) in {0, -15}


class _process:  # noqa: N801
    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        command = [sys.executable, "-m", "simulators.textsms", "--port", "0", *self.arguments]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
        url = self.process.stderr.readline().split(" at ")[1].split(",")[0]
        return self.process, url

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
