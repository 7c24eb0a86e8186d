"""Messages as notify has them."""


def test_messages_are_found_by_payment_and_state(installation, notifier):
    notifier.accept("m1", "QGH7SK61SU", "SENT")
    notifier.accept("m2", "QGH7SK61SU", "UNKNOWN")
    notifier.accept("m3", "another", "SENT")
    found = installation("message", "list", "--subject", "QGH7SK61SU", "--state", "unknown", "--json").document
    assert [one["message_id"] for one in found["messages"]] == ["m2"]
    assert "m3" in installation("message", "list").out
    shown = installation("message", "show", "m1")
    for fact in ("254712345678", "You are on.", "sent"):
        assert fact in shown.out
    assert installation("message", "show", "m1", "--json").document["segments"] == 1
    missing = installation("message", "show", "m9")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("rejesha: notify: ")


def test_templates_are_listed_with_what_they_need(installation, notifier):
    templates = installation("message", "templates", "--json").document["templates"]
    (expired,) = [one for one in templates if one["name"] == "customer_expired"]
    assert [fact["name"] for fact in expired["facts"]] == ["trans_id"]
    assert "SLK4H7TR02" in expired["sample_text"]
    assert "trans_id" in installation("message", "templates").out
