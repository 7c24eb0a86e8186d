"""Callbacks that could not become payments."""

import pytest

TOKEN = {"Authorization": "Bearer operators-token"}
BODY = b'{"TransID": "QGH7SK61SU",\n "TransAmount": "lots\x1b[2J"}'


@pytest.fixture
def quarantined(billing):
    """The id of an open callback."""
    return billing.keep(BODY)


def test_open_callbacks_are_listed_and_shown_with_their_body(installation, billing, quarantined):
    other = billing.keep(b"{}")
    assert installation("quarantine", "dismiss", other, "--note", "a scanner").code == 0
    listed = installation("quarantine", "list", "--state", "open", "--json").document
    assert [(one["callback_id"], one["state"], one["fault"]) for one in listed["callbacks"]] == [
        (quarantined, "open", "TransAmount: not a number")
    ]
    assert "dismissed" in installation("quarantine", "list").out
    shown = installation("quarantine", "show", quarantined)
    document = installation("quarantine", "show", quarantined, "--json").document
    assert document["create_time"][:19].replace("T", " ") in shown.out
    assert document["create_time"].endswith("+03:00")
    assert '"TransAmount": "lots\N{REPLACEMENT CHARACTER}[2J"' in shown.out
    assert document["callback_body"] == BODY.decode()


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
        (200, {"success": True, "processingResult": {"outcome": "spooled"}}, "stays open: the payment waits in the"),
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


def test_a_callback_is_dismissed_with_a_name_and_a_reason(installation, billing, quarantined):
    assert installation("quarantine", "dismiss", quarantined).code == 2  # why is missing
    dismissed = installation("quarantine", "dismiss", quarantined, "--note", "a scanner", "--by", "Amina")
    assert (dismissed.code, dismissed.out) == (0, f"Callback {quarantined} is dismissed.\n")
    assert billing.callback(quarantined).note == "Amina: a scanner"
    refused = installation("quarantine", "dismiss", "7", "--note", "x")
    assert refused.err == "rejesha: billing: no quarantined callback 7 (CALLBACK_NOT_FOUND)\n"
