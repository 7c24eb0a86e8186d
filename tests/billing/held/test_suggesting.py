"""Whose a held payment may be: what speaks for whom, how it is found among many, and who is told."""

import pytest
import sqlalchemy as sa
from billing.held import suggesting
from billing.held.rules import near_spellings
from hypothesis import given
from hypothesis import strategies as st
from rejesha.billing.v1 import payment_service_pb2 as pb

from tests.billing.desk import CUSTOMER_PHONE
from tests.billing.serving import payment as sent
from tests.billing.serving import refused

PAYER = "5f0b1d"  # as M-Pesa hashes a number
MASKED = "2547 ***** 126"


def suggested(desk, trans_id="A1"):
    """Accounts and their reasons, the likeliest first."""
    found = suggesting.suggest(desk.engine, [trans_id])[trans_id]
    return [(one.account, "; ".join(one.reasons)) for one in found]


PRICE = "KES 1,000.00 is the package, and no other's of these"


@pytest.mark.parametrize(
    ("typed", "account", "reason"),
    [
        ("O949AQ", "0949AQ", "it looks like what was typed"),
        ("o949 aq", "0949AQ", "it looks like what was typed"),
        ("0949A", "0949AQ", "one letter differs"),
        ("0949AQX", "0949AQ", "it stands in what was typed"),
        ("9049AQ", "0949AQ", "one letter differs"),
        ("0949BQ", "0949AQ", "one letter differs"),
        ("wifi 0949AQ jan", "0949AQ", "it stands in what was typed"),
        ("0949QAX", "0949AQ", "it is spelled nearly so"),
        ("SMS0O1", "SMS001", "it looks like what was typed"),
        (CUSTOMER_PHONE, "0949AQ", "its phone number was typed"),
        ("254 712 345678", "0949AQ", "its phone number was typed"),
    ],
)
def test_what_was_typed_leads_to_the_account_that_was_meant(desk, typed, account, reason):
    desk.pay("A1", typed, "7")
    assert suggested(desk)[0] == (account, reason)


@pytest.mark.parametrize("typed", ["HELLO", "", "\u2009", "Ωμέγα 😀", "' OR 1=1; --", "%", "___AQ", "x" * 100])
def test_nothing_is_made_up(desk, typed):
    desk.pay("A1", typed, "7")
    assert suggested(desk) == []


def test_an_amount_that_is_one_candidate_s_package_tells_the_twins_apart(desk):
    desk.insert_customer("0949 AQ", amount=250_000)
    desk.pay("A1", "0949AQ", "2500")
    reason = "it is what was typed; KES 2,500.00 is the package, and no other's of these"
    assert suggested(desk)[0] == ("0949 AQ", reason)
    desk.pay("A2", "0949AQ", "7")
    assert {account for account, _ in suggested(desk, "A2")[:2]} == {"0949AQ", "0949 AQ"}


def test_a_payer_is_known_by_the_number_or_by_a_part_of_it_and_the_name(desk):
    for number, account, msisdn in ((1, "77XY", PAYER), (2, "77XY", PAYER), (3, "12BC", MASKED)):
        desk.pay(f"P{number}", account, msisdn=msisdn, first_name="ASHA")
    desk.pay("A1", "", "7", msisdn=PAYER, first_name="JOHN")
    assert suggested(desk) == [("77XY", "this payer paid for it 2 times before")]
    desk.pay("A2", "", "7", msisdn=MASKED, first_name="Asha")
    known = "a payer of this name and number, as far as it shows, paid for it 1 time before"
    assert suggested(desk, "A2") == [("12BC", known)]
    for trans_id, name in (("A3", "JOHN"), ("A4", "")):
        desk.pay(trans_id, "", "7", msisdn=MASKED, first_name=name)
        assert suggested(desk, trans_id) == []
    desk.pay("A5", "", "7", msisdn="254712345678")
    assert suggested(desk, "A5") == [("0949AQ", "the payer's number is the customer's")]


def test_what_speaks_twice_for_an_account_comes_first(desk):
    desk.insert_customer("0949AX", amount=77_700)
    desk.pay("P1", "0949AQ", msisdn=PAYER)
    desk.pay("A1", "0949AZ", msisdn=PAYER)
    first, second = suggested(desk)
    assert first == ("0949AQ", f"one letter differs; this payer paid for it 1 time before; {PRICE}")
    assert second == ("0949AX", "one letter differs")


def test_nothing_is_suggested_for_what_is_placed_or_a_reversal_or_to_the_closed(desk):
    desk.pay("A1", "0949AQ")
    desk.pay("A2", "0949AQ", transaction_type="Reversal")
    assert suggested(desk, "A1") == suggested(desk, "A2") == []
    desk.pay("A3", "0949AZ", "7")
    desk.set_customer("0949AQ", closed_at=sa.func.current_timestamp())
    assert suggested(desk, "A3") == []
    assert suggesting.suggest(desk.engine, ["NOSUCH"]) == {}


def test_a_hundred_thousand_customers_are_not_looked_at(desk):
    accounts = [{"account_name": f"{n:04}{one}{two}"} for n in range(200) for one in "ABCDE" for two in "ABCDEFGHIJ"]
    desk.insert_customers(*accounts)
    desk.pay("A1", "0042AX", "1000")
    seen = []
    sa.event.listen(desk.engine, "after_cursor_execute", lambda *args: seen.append(args[1].rowcount))
    found = suggested(desk)
    assert found[0][1].startswith("one letter differs")
    assert found[0][0][:5] == "0042A"
    assert len(seen) < 20
    assert sum(max(count, 0) for count in seen) < 1_000  # MySQL's client counts the rows of each answer


@given(st.text(max_size=100))
def test_where_is_looked_is_bounded_by_what_was_typed(text):
    reference = "".join(text.split()).upper()
    near = near_spellings(reference)
    assert len(near) < 2_500
    assert not reference or reference[:40] in near


def test_admins_hear_whose_held_money_may_be(desk, dispatcher):
    desk.pay("A1", "O949AQ")
    desk.pay("A2", "HELLO")
    dispatcher.run()
    reasons = {one.facts["trans_id"]: one.facts["reason"] for one in dispatcher.inbox.values()}
    perhaps = "perhaps 0949AQ: it looks like what was typed"
    assert reasons == {"A1": f"unknown reference; {perhaps}", "A2": "unknown reference"}


def test_suggestions_over_grpc(client, desk):
    client.record(sent("A1", "O949AQ"), sent("A2", "HELLO"), sent("A3", "0949AQ"))
    request = pb.SuggestAccountsRequest(trans_ids=["a1", "A2", "A3", "NOSUCH"])
    first, *rest = client.payments.SuggestAccounts(request, timeout=10).payments
    (likeliest,) = first.suggestions
    customer_id = desk.customer("0949AQ").id
    assert (first.trans_id, first.clear) == ("A1", True)
    assert (likeliest.account_reference, likeliest.customer_id, likeliest.isp_id) == ("0949AQ", customer_id, 1)
    assert (likeliest.name, list(likeliest.reasons)) == (
        "Customer 0949AQ",
        ["it looks like what was typed", PRICE],
    )
    assert [(one.trans_id, len(one.suggestions), one.clear) for one in rest] == [("A2", 0, False), ("A3", 0, False)]
    too_many = pb.SuggestAccountsRequest(trans_ids=["A1"] * 101)
    assert refused(lambda: client.payments.SuggestAccounts(too_many, timeout=10))[1] == "BATCH_TOO_LARGE"
