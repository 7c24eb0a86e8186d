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


def test_a_person_is_taken_out_and_the_books_stay_whole(installation, billing, notifier, two):
    why = ["--reason", "asked for it", "--by", "Amina", "--yes"]
    refused = installation("customer", "erase", "0949AQ", *why)
    assert (refused.code, "CUSTOMER_NOT_CLOSED" in refused.err) == (1, True)
    installation("customer", "update", "0949AQ", "--name", "Jane W", "--by", "Amina")
    installation("customer", "close", "0949AQ", "--reason", "moved", "--by", "Amina", "--yes")
    with billing.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tasks SET state = 'done'")
    wallet = billing.isps()[1].wallet_cents
    erased = installation("customer", "erase", "0949AQ", *why, "--json").document
    assert (erased["payments"], erased["messages"]) == (1, 2)
    told = installation("customer", "disclose", "id:1").out
    for gone in ("Jane", "0712345678", "254712345678", "body of", "You are on."):
        assert gone not in told
    assert "erased" in told
    paid = billing.get("QGH7SK61SU").payment
    assert (paid.amount_cents, paid.customer_id, paid.first_name, paid.msisdn) == (100_000, 1, "", "")
    assert billing.isps()[1].wallet_cents == wallet
    assert installation("ledger", "check").code == 0
    assert "Joan" in installation("customer", "disclose", "0950AR").out
    assert installation("customer", "erase", "id:1", *why).code == 0
    billing.pay("QGH7SK61SU", "0949AQ")  # M-Pesa's callback comes again: it is known
    assert billing.isps()[1].wallet_cents == wallet
