"""Whatever an operator has in hand: `search` tells what it is, and which command tells more."""

import pytest

CODE = "QGH7SK61SU"


@pytest.fixture
def known(billing, router_control, notifier):
    facts = {"full_name": "Jane Wanjiru", "username": "jane-ppp", "phone": "0712345678", "router_id": 1}
    billing.add_customers("0949AQ", package_cents=100_000, **facts)
    billing.pay(CODE, "0949aq", msisdn="254712345678")
    billing.pay("HELD000001", "0949AX", msisdn="2547 ***** 999")
    notifier.accept("m1", CODE, "SENT", phone="254712345678")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CODE.lower(), {("payment", CODE)}),
        ("0949 aq", {("customer", "0949AQ"), ("payment", CODE)}),
        ("0949AX", {("payment", "HELD000001")}),
        ("JANE-PPP", {("customer", "0949AQ")}),
        ("wanjiru", {("customer", "0949AQ")}),
        ("+254 712 345 678", {("customer", "0949AQ"), ("payment", CODE), ("message", CODE)}),
        ("0722000999", {("payment", "HELD000001")}),  # masked by M-Pesa: it may be it
        ("10.0.0.1", {("router", "Tower 1")}),
        ("tower", {("router", "Tower 1")}),
        ("demo networks", {("ISP", "Demo Networks")}),
        ("sms001", {("ISP", "Demo Networks")}),
    ],
)
def test_it_tells_what_it_is(installation, known, text, found):
    ended = installation("search", *text.split(), "--json")
    assert {(one["what"], one["which"]) for one in ended.document["found"]} == found
    assert ended.code == 0
    for one in ended.document["found"]:
        if one["what"] in {"customer", "ISP"}:
            assert installation(*one["command"].split()[1:]).code == 0
        assert one["which"] in installation("search", *text.split()).out


def test_what_is_nowhere_ends_with_1_and_says_where_to_look(installation, known):
    ended = installation("search", "QGH0000000")
    assert (ended.code, ended.out) == (1, "Nothing here is called QGH0000000.\n")
    assert "rejesha quarantine list" in ended.err


def test_what_cannot_be_asked_hides_nothing_of_the_others(installation, known, monkeypatch):
    monkeypatch.setenv("REJESHA_ROUTER_CONTROL_TARGET", "127.0.0.1:1")
    ended = installation("search", "0949AQ")
    assert ended.code == 0
    assert CODE in ended.out
    assert "Not all was asked: router-control cannot be reached" in ended.err
