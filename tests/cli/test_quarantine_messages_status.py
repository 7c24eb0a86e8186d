"""What waits for somebody: callbacks in quarantine, messages that went wrong, and the installation as a whole."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rejesha.billing.v1 import account_service_pb2 as account_pb
from rejesha.billing.v1 import payment_service_pb2 as payment
from rejesha.billing.v1 import quarantine_service_pb2 as quarantine
from rejesha.notify.v1 import notify_service_pb2 as notify

TOKEN = {"Authorization": "Bearer operators-token"}
BODY = b'{"TransID": "QGH7SK61SU",\n "TransAmount": "lots\x1b[2J"}'


@pytest.fixture
def quarantined(billing):
    kept = quarantine.QuarantinedCallback(
        callback_id=5,
        callback_body=BODY,
        fault="TransAmount: not a number",
        source_address="196.201.214.200",
        create_time=Timestamp(seconds=1795410000),
        state=quarantine.QUARANTINE_STATE_OPEN,
    )
    billing.callbacks[5] = kept
    return kept


def test_open_callbacks_are_listed_and_shown_with_their_body(installation, billing, quarantined):
    billing.callbacks[6] = quarantine.QuarantinedCallback(callback_id=6, state=quarantine.QUARANTINE_STATE_DISMISSED)
    listed = installation("quarantine", "list", "--state", "open", "--json").document
    assert [(one["callback_id"], one["state"], one["fault"]) for one in listed["callbacks"]] == [
        (5, "open", "TransAmount: not a number")
    ]
    assert "dismissed" in installation("quarantine", "list").out
    shown = installation("quarantine", "show", "5")
    assert "2026-11-23" in shown.out
    assert '"TransAmount": "lots\N{REPLACEMENT CHARACTER}[2J"' in shown.out
    assert installation("quarantine", "show", "5", "--json").document["callback_body"] == BODY.decode()


def test_a_replay_becomes_a_payment(installation, httpserver, tmp_path):
    (tmp_path / "mended.json").write_bytes(b'{"TransID": "QGH7SK61SU", "TransAmount": "1000"}')
    answer = {"success": True, "transactionId": "QGH7SK61SU", "processingResult": {"outcome": "customer_paid"}}
    httpserver.expect_request("/quarantine/5/replay", method="POST", headers=TOKEN).respond_with_json(answer)
    replayed = installation("quarantine", "replay", "5", "--body", "mended.json")
    assert (replayed.code, replayed.out) == (0, "Callback 5 is now the payment QGH7SK61SU: customer paid.\n")
    assert installation("quarantine", "replay", "5", "--json").document == answer
    bodies = [request.data for request, _ in httpserver.log]
    assert bodies == [(tmp_path / "mended.json").read_bytes(), b""]


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (400, {"success": False, "error": "TransAmount: not a number"}, "TransAmount: not a number (HTTP 400)"),
        (409, {"success": False, "error": "It was replayed before as QGH7SK61SU"}, "replayed before as QGH7SK61SU"),
        (200, {"success": True, "processingResult": {"outcome": "conflict"}}, "callback 5 stays open"),
    ],
)
def test_a_replay_of_which_no_payment_came_says_why(installation, httpserver, status, answer, why):
    httpserver.expect_request("/quarantine/5/replay").respond_with_json(answer, status=status)
    ended = installation("quarantine", "replay", "5")
    assert (ended.code, ended.out) == (1, "")
    assert why in ended.err


def test_a_mended_body_that_is_not_there_is_one_sentence(installation):
    ended = installation("quarantine", "replay", "5", "--body", "nowhere.json")
    assert (ended.code, ended.err) == (1, "rejesha: nowhere.json cannot be read: No such file or directory.\n")


def test_a_callback_is_dismissed_with_a_name_and_a_reason(installation, quarantined):
    assert installation("quarantine", "dismiss", "5").code == 2  # why is missing
    dismissed = installation("quarantine", "dismiss", "5", "--note", "a scanner", "--by", "Amina")
    assert (dismissed.code, dismissed.out) == (0, "Callback 5 is dismissed.\n")
    assert quarantined.note == "Amina: a scanner"
    refused = installation("quarantine", "dismiss", "7", "--note", "x")
    assert refused.err == "rejesha: billing: no callback 7 (CALLBACK_NOT_FOUND)\n"


def test_messages_are_found_by_payment_and_state(installation, notifier):
    for number, state in enumerate([notify.MESSAGE_STATE_SENT, notify.MESSAGE_STATE_UNKNOWN], start=1):
        notifier.messages[f"m{number}"] = notify.Message(
            message_id=f"m{number}",
            subject="QGH7SK61SU",
            state=state,
            phone="254712345678",
            text="You are on.",
            segments=1,
        )
    notifier.messages["m3"] = notify.Message(message_id="m3", subject="another", state=notify.MESSAGE_STATE_SENT)
    found = installation("message", "list", "--subject", "QGH7SK61SU", "--state", "unknown", "--json").document
    assert [one["message_id"] for one in found["messages"]] == ["m2"]
    assert "m3" in installation("message", "list").out
    shown = installation("message", "show", "m1")
    for fact in ("254712345678", "You are on.", "sent"):
        assert fact in shown.out
    assert installation("message", "show", "m1", "--json").document["segments"] == 1
    assert installation("message", "show", "m9").code == 1


def test_status_counts_what_waits(installation, billing, httpserver, quarantined):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    off = account_pb.CUSTOMER_STATUS_INACTIVE
    for number in range(502):
        billing.customers[str(number)] = account_pb.Customer(account_name=str(number), status=off)
    billing.payments["A"] = payment.PaymentRecord(trans_id="A", outcome=payment.PAYMENT_OUTCOME_UNMATCHED)
    ended = installation("status", "--json")
    assert (ended.code, ended.document["healthy"]) == (0, True)
    assert [(one["service"], one["state"]) for one in ended.document["services"]] == [
        ("billing", "serving"),
        ("router-control", "serving"),
        ("notify", "serving"),
        ("gateway", "healthy"),
    ]
    assert ended.document["counts"] == {
        "open_access_tasks": 3,
        "open_message_tasks": 2,
        "given_up_tasks": 0,
        "paid_but_not_on": 502,
        "unmatched_payments": 1,
        "open_callbacks": 1,
        "oldest_callback_time": None,
        "oldest_unmatched_time": None,
        "oldest_line_time": None,
    }
    assert "502" in installation("status").out


def test_status_says_that_payments_wait_since_when_and_why_and_exits_with_1(installation, httpserver):
    spool = {"state": "draining", "waiting": 7, "deferred": 2, "oldest": "2026-01-31T09:15:00.123Z", "bytes": 4096}
    spool |= {"rejected": 0, "cause": "billing's database did not answer"}
    httpserver.expect_request("/health").respond_with_json({"status": "degraded", "spool": spool})
    ended = installation("status")
    assert ended.code == 1
    for fact in ("degraded", "7", "2026-01-31 12:15:00", "billing's database did not answer"):
        assert fact in ended.out
    assert installation("status", "--json").document["spool"] == spool


def test_status_says_what_is_down_and_exits_with_1(installation, httpserver, monkeypatch):
    answer = {"status": "unhealthy", "error": "billing is unreachable"}
    httpserver.expect_request("/health").respond_with_json(answer, status=503)
    monkeypatch.setenv("REJESHA_BILLING_TARGET", "127.0.0.1:1")
    ended = installation("status")
    assert ended.code == 1
    assert "REJESHA_BILLING_TARGET" in ended.out
    assert "billing is unreachable" in ended.out
    document = installation("status", "--json").document
    assert (document["healthy"], document["counts"]) == (False, None)
    assert [one["ok"] for one in document["services"]] == [False, True, True, False]
