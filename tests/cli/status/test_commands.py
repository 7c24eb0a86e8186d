"""Whether everything runs, and what waits."""

from rejesha.billing.v1 import task_service_pb2 as task


def test_status_counts_what_waits(installation, billing, notifier, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    paid = [f"{number:04}AA" for number in range(502)]
    billing.add_customers(*paid, next_payment_date="2099-01-01", username="{name}", router_id=1, phone="0712000001")
    billing.add_customers("NOPHONE1", "NOPHONE2")
    billing.pay("HELD000001", "NOBODY")
    billing.keep(b"{}")
    for number, sent in enumerate(("QUEUED", "FAILED", "FAILED", "UNKNOWN", "EXPIRED", "SENT")):
        notifier.accept(f"m{number}", "HELD000001", sent)
    ended = installation("status", "--json")
    assert (ended.code, ended.document["severity"], ended.document["healthy"]) == (3, "attention", True)
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
        "waiting_routers": [],
        "unchecked_routers": 0,
        "untellable_customers": 2,
    }
    messages = {name: count for name, count in ended.document["messages"].items() if not name.endswith("_time")}
    assert messages == {"queued_messages": 1, "failed_messages": 2, "unknown_messages": 1, "expired_messages": 1}
    assert "502" in installation("status").out


def test_status_ends_with_0_where_nothing_waits(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    billing.add_customers("0949AQ", next_payment_date="2099-01-01")  # without a router: not on is how it stays
    ended = installation("status")
    assert ended.code == 0
    assert "All is well." in ended.out
    assert "since" not in ended.out


def test_status_tells_of_messages_that_were_not_sent_for_a_day(installation, notifier, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    notifier.accept("m1", "QGH7SK61SU", "FAILED")
    assert installation("status").code == 3
    with notifier.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET due_time = '2026-01-01 00:00:00.000000'")
    assert installation("status").code == 0


def test_status_names_the_routers_for_which_customers_wait(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    billing.add_customers("0949AQ", "0950AB", package_cents=100_000, username="{name}", router_id=1)
    billing.pay("QGH7SK61SU", "0949AQ")
    billing.pay("QGH7SK61SV", "0950AB")
    billing.fail_lines(task.ACCESS_OUTCOME_UNREACHABLE, router_name="Hill")
    ended = installation("status", "--json")
    assert ended.code == 3
    (router,) = ended.document["counts"]["waiting_routers"]
    assert (router["router_id"], router["router_name"], router["lines"]) == (1, "Hill", 2)
    assert router["last_error"].startswith("unreachable")
    shown = installation("status").out
    assert "Hill" in shown
    assert "rejesha router check" in shown


def test_status_says_that_nobody_carries_tasks_out(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    billing.add_customers("0949AQ", package_cents=100_000, username="u1", router_id=1)
    billing.pay("QGH7SK61SU", "0949AQ")
    assert installation("status").code == 0  # it is due since a moment
    with billing.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tasks SET due_time = datetime('now', '-10 minutes') || '.000000'")
    ended = installation("status")
    assert ended.code == 1
    assert "(10 min)" in ended.out


def test_status_is_watched_until_it_is_stopped(installation, httpserver, monkeypatch):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    pauses = iter([None, KeyboardInterrupt])

    def pause(_seconds):
        if stopped := next(pauses):
            raise stopped

    monkeypatch.setattr("time.sleep", pause)
    ended = installation("status", "--watch")
    assert (ended.code, ended.out.count("All is well.")) == (0, 2)


def test_status_counts_lines_to_be_switched_and_given_up(installation, billing, httpserver):
    httpserver.expect_request("/health").respond_with_json({"status": "healthy"})
    billing.add_customers("0949AQ", "0950AB", package_cents=100_000, username="{name}", router_id=1)
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
    assert document["severity"] == "alarm"
    assert [one["ok"] for one in document["services"]] == [False, True, True, False]
