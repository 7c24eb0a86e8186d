"""`rejesha customer credit`: what is kept for a customer, and its being paid out."""

WHY = ("--reason", "moved away", "--by", "Asha")


def test_a_credit_is_shown_with_its_transfers_paid_out_and_taken_back(installation, billing):
    billing.add_customers("0949AQ", package_cents=100_000)
    installation("policy", "set", "--isp", "1", "part_payments=credit")
    billing.pay("A1", "0949AQ", 40_000)
    assert "KES 400.00 are kept for 0949AQ" in installation("customer", "credit", "0949AQ").out
    done = installation("customer", "credit", "0949AQ", "--pay-out", *WHY, "--json").document
    assert (done["amount"], done["credit"]) == ("400.00", "0.00")
    refused = installation("customer", "credit", "0949AQ", "--pay-out", *WHY)
    assert (refused.code, "nothing is kept" in refused.err) == (1, True)
    assert (
        "KES 400.00 of 0949AQ are kept again" in installation("customer", "credit", "0949AQ", "--take-back", *WHY).out
    )
    shown = installation("customer", "credit", "0949AQ", "--json").document
    assert (shown["credit"], [one["kind"] for one in shown["transfers"]]) == ("400.00", ["payment", "payout", "payout"])
    assert "moved away" in installation("customer", "timeline", "0949AQ").out
    assert "reason" in installation("customer", "credit", "0949AQ", "--pay-out").err
    assert installation("customer", "credit", "0949AQ", "--pay-out", "--take-back").code == 2
