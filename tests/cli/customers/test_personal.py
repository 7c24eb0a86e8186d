"""What is kept of one person: told whole, and nothing of others."""

import pytest


@pytest.fixture
def two(billing, notifier):
    billing.add_customers("0949AQ", package_cents=100_000, full_name="Jane", phone="0712345678")
    billing.add_customers("0950AR", package_cents=100_000, full_name="Joan", phone="0722000000")
    for code, account, phone in (("QGH7SK61SU", "0949AQ", "254712345678"), ("QGH7SK61SV", "0950AR", "254722000000")):
        billing.pay(code, account, callback_body=f"body of {code}".encode())
        notifier.accept(f"receipt {code}", code, "SENT", phone=phone)
        notifier.accept(f"reminder of {account}", "", "SENT", phone=phone)


def test_all_that_is_kept_of_a_customer_is_told_and_nothing_of_others(installation, two):
    installation("customer", "update", "0949AQ", "--name", "Jane W", "--by", "Amina")
    ended = installation("customer", "disclose", "0949aq")
    told = ended.document
    assert (told["customer"]["full_name"], told["customer"]["phone"]) == ("Jane W", "0712345678")
    (paid,) = told["payments"]
    assert paid["payment"]["trans_id"] == "QGH7SK61SU"
    assert paid["deliveries"][0]["callback_body"] == "body of QGH7SK61SU"
    assert len(paid["timeline"]) > 3
    assert {one["message_id"] for one in told["messages"]} == {"receipt QGH7SK61SU", "reminder of 0949AQ"}
    assert [one["change"]["before"] for one in told["changes"]] == ["Jane"]
    for others in ("Joan", "0722000000", "QGH7SK61SV"):
        assert others not in ended.out
