"""What waits on the gateway's disk, as the operator sees it."""

import pytest

TOKEN = {"Authorization": "Bearer operators-token"}
WAITING = {
    "state": "draining",
    "billing": "away",
    "waiting": 3,
    "deferred": 1,
    "cause": "billing's database did not answer",
    "bytes": 1234,
    "oldest": "2026-01-31T09:15:00.123Z",
    "rejected": 0,
    "counters": {"spooled": 3},
    "callbacks": [
        {
            "receiveTime": "2026-01-31T09:15:00.123Z",
            "state": "deferred",
            "transactionId": "QGH7SK61SU",
            "fault": None,
            "sourceAddress": "196.201.214.200",
            "bytes": 300,
        },
        {
            "receiveTime": "2026-01-31T09:15:01.000Z",
            "state": "waiting",
            "transactionId": None,
            "fault": "body: not JSON \x1b[2J",
            "sourceAddress": None,
            "bytes": 8,
        },
    ],
}


def test_what_waits_is_shown_in_local_time_and_told_whole_to_programs(installation, httpserver):
    httpserver.expect_request("/spool", headers=TOKEN).respond_with_json(WAITING)
    shown = installation("spool")
    assert shown.code == 1  # payments wait
    for fact in (
        "billing's database did not answer",
        "draining",
        "away",
        "2026-01-31 12:15:00",
        "QGH7SK61SU",
        "a payment",
        "196.201.214.200",
        "1234",
    ):
        assert fact in shown.out
    assert "body: not JSON \N{REPLACEMENT CHARACTER}[2J" in shown.out
    assert "More wait" in shown.err
    assert installation("spool", "--json").document == WAITING


@pytest.mark.parametrize("changes", [{"state": "full"}, {"state": "failing"}, {"rejected": 2}, {"state": "ok"}])
def test_a_spool_that_needs_somebody_ends_with_1(installation, httpserver, changes):
    httpserver.expect_request("/spool").respond_with_json(WAITING | {"callbacks": []} | changes)
    assert installation("spool").code == 1
    ended = installation("spool", "--json")
    assert (ended.code, ended.document["waiting"]) == (1, 3)


def test_an_empty_spool_says_so(installation, httpserver):
    empty = {**WAITING, "state": "ok", "billing": "reachable", "waiting": 0, "deferred": 0, "oldest": None}
    empty |= {"cause": None, "callbacks": []}
    httpserver.expect_request("/spool").respond_with_json(empty)
    shown = installation("spool")
    assert (shown.code, shown.err) == (0, "")
    assert "No callback waits." in shown.out


def test_a_gateway_that_cannot_read_its_spool_is_one_sentence(installation, httpserver):
    refusal = {"success": False, "error": "The spool cannot be read: Input/output error"}
    httpserver.expect_request("/spool").respond_with_json(refusal, status=503)
    ended = installation("spool")
    assert ended.code == 1
    assert ended.err == "rejesha: the gateway: The spool cannot be read: Input/output error (HTTP 503).\n"
