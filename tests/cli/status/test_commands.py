"""Whether everything runs, and what waits."""


def test_status_counts_what_waits(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    paid = [f"{number:04}AA" for number in range(502)]
    billing.add_customers(*paid, next_payment_date="2099-01-01", username="u1", router_id=1)
    billing.pay("HELD000001", "NOBODY")
    billing.keep(b"{}")
    ended = installation("status", "--json")
    assert (ended.code, ended.document["healthy"]) == (0, True)
    assert [(one["service"], one["state"]) for one in ended.document["services"]] == [
        ("billing", "serving"),
        ("router-control", "serving"),
        ("notify", "serving"),
        ("gateway", "healthy"),
    ]
    counts = {name: count for name, count in ended.document["counts"].items() if not name.endswith("_time")}
    assert counts == {
        "open_access_tasks": 0,
        "open_message_tasks": 0,
        "given_up_tasks": 0,
        "paid_but_not_on": 502,
        "unmatched_payments": 1,
        "open_callbacks": 1,
    }
    assert "502" in installation("status").out


def test_status_counts_lines_to_be_switched_and_given_up(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    billing.add_customers("0949AQ", "0950AB", package_cents=100_000, username="u1", router_id=1)
    billing.pay("QGH7SK61SU", "0949AQ")
    assert billing.fail_lines() == 1
    billing.pay("QGH7SK61SV", "0950AB")
    counts = installation("status", "--json").document["counts"]
    assert (counts["open_access_tasks"], counts["given_up_tasks"], counts["paid_but_not_on"]) == (1, 1, 2)


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
