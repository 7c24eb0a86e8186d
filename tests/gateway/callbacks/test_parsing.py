import json

import pytest
from gateway.callbacks.errors import MalformedCallback
from gateway.callbacks.parsing import Payment, parse_callback
from gateway.callbacks.raw import MAX_BODY_BYTES
from gateway_rig import callback
from hypothesis import given
from hypothesis import strategies as st
from rejesha.billing.v1 import payment_service_pb2 as pb
from servicekit.money import MAX_AMOUNT_CENTS, in_shillings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([*callback(), "transid", "TRANS_AMOUNT", "Middle Name"])


def parse(**changes):
    return parse_callback(json.dumps(callback(**changes)).encode())


def fault_of(body):
    with pytest.raises(MalformedCallback) as caught:
        parse_callback(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def test_every_field_arrives_as_m_pesa_sent_it():
    body = json.dumps(callback()).encode()
    assert parse_callback(body, "192.0.2.1") == Payment(
        trans_id="SAMPLE0001",
        amount_cents=100_000,
        business_short_code="600000",
        bill_ref_number="0949AQ",
        transaction_type="Pay Bill",
        trans_time="20260131120000",
        invoice_number="",
        third_party_trans_id="",
        msisdn="2547 ***** 126",
        first_name="Asha",
        org_account_balance_cents=21_239_100,
        callback_body=body,
        source_address="192.0.2.1",
    )


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"TransAmount": 1000}, "amount_cents", 100_000),
        ({"TransAmount": 1000.5}, "amount_cents", 100_050),
        ({"TransAmount": 10_000_000.0}, "amount_cents", 1_000_000_000),
        ({"BusinessShortCode": 600000}, "business_short_code", "600000"),
        ({"BusinessShortCode": ...}, "business_short_code", ""),
        ({"BillRefNumber": 12345}, "bill_ref_number", "12345"),
        ({"BillRefNumber": " 0949 aq "}, "bill_ref_number", " 0949 aq "),
        ({"BillRefNumber": None}, "bill_ref_number", ""),
        ({"BillRefNumber": "R" * 300}, "bill_ref_number", "R" * 100),
        ({"TransID": " sample0001 "}, "trans_id", "SAMPLE0001"),
        ({"TransID": 1234567890}, "trans_id", "1234567890"),
        ({"MSISDN": 254700000126}, "msisdn", "254700000126"),
        ({"MSISDN": "a94a8fe5 ***** cc19"}, "msisdn", "a94a8fe5 ***** cc19"),
        ({"MSISDN": ["?"]}, "msisdn", ""),
        ({"FirstName": None}, "first_name", ""),
        ({"FirstName": ...}, "first_name", ""),
        ({"FirstName": "N" * 300}, "first_name", "N" * 100),
        ({"FirstName": {"nested": True}}, "first_name", ""),
        ({"FirstName": "half a pair \ud800"}, "first_name", "half a pair ?"),
        ({"FirstName": "Robert'); DROP TABLE"}, "first_name", "Robert'); DROP TABLE"),
        ({"TransactionType": "Organization To Organization Transfer"}, "transaction_type", ...),
        ({"TransactionType": ""}, "transaction_type", ""),
        ({"OrgAccountBalance": ""}, "org_account_balance_cents", None),
        ({"OrgAccountBalance": "-12.50"}, "org_account_balance_cents", -1250),
        ({"OrgAccountBalance": "lots"}, "org_account_balance_cents", None),
    ],
)
def test_what_m_pesa_or_a_reseller_may_send_is_read(changes, field, value):
    expected = next(iter(changes.values())) if value is ... else value
    assert getattr(parse(**changes), field) == expected


def test_keys_are_matched_whatever_their_case_and_underscores():
    odd = {"trans_id": "SAMPLE0001", "TRANSAMOUNT": "5", "ThirdPartyTransId": "T", "bill-ref-number": "0949AQ"}
    payment = parse_callback(json.dumps(odd).encode())
    assert (payment.trans_id, payment.amount_cents, payment.third_party_trans_id, payment.bill_ref_number) == (
        "SAMPLE0001",
        500,
        "T",
        "0949AQ",
    )


NAMED = json.dumps(callback(FirstName="JOS\u00c9 \u2013 O\u2019NEIL"), ensure_ascii=False)
FORM = (
    "TransactionType=Pay+Bill&TransID=SAMPLE0001&TransTime=20260131120000&TransAmount=1%2C000.00"
    "&BusinessShortCode=600000&BillRefNumber=0949AQ&InvoiceNumber=&OrgAccountBalance=212391.00&ThirdPartyTransID="
    "&MSISDN=2547+%2A%2A%2A%2A%2A+126&FirstName=JOS%C3%89+%E2%80%93+O%E2%80%99NEIL"
)


@pytest.mark.parametrize(
    "body",
    [
        NAMED.encode(),
        NAMED.encode("cp1252"),
        NAMED.encode("utf-8-sig"),
        NAMED.encode("utf-16"),
        NAMED.encode("utf-16-le"),
        NAMED.encode("utf-32"),
        f" [{NAMED}]\n".encode(),
        NAMED.replace("}", ", }").encode(),
        f"[{NAMED.replace('}', ',}')},]".encode(),
        FORM.encode(),
        f"{FORM}\r\n".encode(),
        FORM.replace("%C3%89", "%C9").replace("%E2%80%93", "%96").replace("%E2%80%99", "%92").encode(),
        FORM.replace("%C3%89", "\u00c9").replace("%E2%80%93", "\u2013").replace("%E2%80%99", "\u2019").encode("cp1252"),
        FORM.replace("TransID", "trans_id").encode(),
    ],
)
def test_what_can_be_read_in_one_way_only_is_read(body):
    payment = parse_callback(body)
    assert (payment.trans_id, payment.amount_cents, payment.bill_ref_number) == ("SAMPLE0001", 100_000, "0949AQ")
    assert (payment.business_short_code, payment.msisdn) == ("600000", "2547 ***** 126")
    assert (payment.first_name, payment.org_account_balance_cents) == ("JOS\u00c9 \u2013 O\u2019NEIL", 21_239_100)
    assert payment.callback_body == body


def test_a_comma_in_a_text_is_none_too_many():
    reference = 'a,} ,] \\",}'
    body = json.dumps(callback(BillRefNumber=reference)).removesuffix("}") + ",}"
    assert parse_callback(body.encode()).bill_ref_number == reference


def test_a_name_that_breaks_off_in_a_character_costs_nothing():
    body = NAMED.encode().replace("\u00c9".encode(), "\u00c9".encode()[:1])
    assert parse_callback(body).amount_cents == 100_000


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b" \r\n\t"])
def test_a_byte_order_mark_and_stray_spaces_do_no_harm(prefix):
    assert parse_callback(prefix + json.dumps(callback()).encode()).trans_id == "SAMPLE0001"


def test_a_raw_line_break_in_a_name_does_not_cost_the_payment():
    assert parse_callback(json.dumps(callback()).replace("Asha", "As\nha").encode()).first_name == "As\nha"


@pytest.mark.parametrize(
    ("body", "fault", "worth_keeping"),
    [
        (b"", "body: empty", False),
        (b"  \n", "body: empty", False),
        (b"{}", "Missing TransID", False),
        (b"[]", "body: not a JSON object", False),
        (b"null", "body: not a JSON object", False),
        (b"[1]", "body: not a JSON object", True),
        (b"[{}]", "Missing TransID", False),
        (b"TransID=SAMPLE0001&TransAmount=5&TransAmount=500", "TransAmount: given twice with different values", True),
        (b"Account=SAMPLE0001&TransAmount=5", "body: not JSON (line 1, column 1)", True),
        (b"TransID&TransAmount=5", "body: not JSON (line 1, column 1)", True),
        (b'{"BillRefNumber": "x&TransID=EVIL&TransAmount=500', "body: not JSON (line 1, column 19)", True),
        (b'x=1&FirstName="&TransID=EVIL&TransAmount=500', "body: not JSON (line 1, column 1)", True),
        (b'{"TransID": "SAMPLE0001", "TransAmount": "5",,}', "body: not JSON (line 1, column 46)", True),
        (b'{"TransID": "' + b'\\"' * 30_000, "body: not JSON (line 1, column 13)", True),
        ([callback(), callback("SAMPLE0002")], "body: not a JSON object", True),
        ([[callback()]], "body: not a JSON object", True),
        (json.dumps(callback()).encode("utf-16")[:-1], "body: not UTF-8", True),
        (json.dumps(callback()).encode().replace(b"0949AQ", b"0949\xc9Q"), "body: not UTF-8", True),
        (json.dumps(callback()).encode().replace(b"600000", b"6000\xc900"), "body: not UTF-8", True),
        (b'{"TransID": "SAMPLE0001", ', "body: not JSON (line 1, column 27)", True),
        (b'{"TransID": "\xff"}', "body: not UTF-8", True),
        (b'{"a":' * 20_000, f"body: longer than {MAX_BODY_BYTES} bytes", True),
        (b"[" * 60_000, "body: nested too deeply", True),
        (callback(TransID=...), "Missing TransID", True),
        (callback(TransID=None), "Missing TransID", True),
        (callback(TransID="  "), "Missing TransID", True),
        (callback(TransID="A B"), "TransID: not 1 to 50 letters and digits", True),
        (callback(TransID="A" * 51), "TransID: not 1 to 50 letters and digits", True),
        (callback(TransID="stra\u00dfe"), "TransID: not 1 to 50 letters and digits", True),
        (callback(TransID="1' OR '1'='1"), "TransID: not 1 to 50 letters and digits", True),
        (callback(TransID=["SAMPLE0001"]), "TransID: neither text nor a number", True),
        (callback(TransID=True), "TransID: neither text nor a number", True),
        (callback(TransAmount=...), "Missing TransAmount", True),
        (callback(TransAmount=""), "Missing TransAmount", True),
        (callback(TransAmount={"value": 5}), "TransAmount: neither text nor a number", True),
        (callback(TransAmount=False), "TransAmount: neither text nor a number", True),
        (callback(TransAmount=float("nan")), "TransAmount: is not a number", True),
        (callback(TransAmount=float("inf")), "TransAmount: is not a number", True),
        (callback(TransAmount=-1), "TransAmount: is negative", True),
        (callback(TransAmount=0), "TransAmount: is zero", True),
        (callback(TransAmount="10.125"), "TransAmount: has more than two decimals", True),
        (callback(TransAmount=10**5000), "TransAmount: is not a number", True),
        (callback(TransAmount="1e12"), "TransAmount: is larger than 9,999,999,999.99", True),
        (callback(BillRefNumber=["0949AQ"]), "BillRefNumber: neither text nor a number", True),
        (callback(BusinessShortCode={}), "BusinessShortCode: neither text nor a number", True),
        ({"Body": {"stkCallback": {"ResultCode": 0}}}, "Missing TransID", True),
        (callback(trans_amount="5.00"), "TransAmount: given twice with different values", True),
    ],
)
def test_a_fault_is_named_and_the_body_kept_where_money_could_be_in_it(body, fault, worth_keeping):
    if isinstance(body, dict) and body.get("TransAmount") == 10**5000:
        body = json.dumps(callback(TransAmount="@")).replace('"@"', "1" + "0" * 5000).encode()
    malformed = fault_of(body)
    assert (malformed.fault, malformed.worth_keeping) == (fault, worth_keeping)


def test_a_money_field_given_twice_is_a_fault_only_when_the_values_differ():
    same = b'{"TransID": "SAMPLE0001", "TransAmount": "5.00", "transAmount": "5.00", "transamount": null}'
    assert parse_callback(same).amount_cents == 500
    differing = b'{"TransID": "SAMPLE0001", "TransAmount": "5.00", "TransAmount": "500.00"}'
    assert fault_of(differing).fault == "TransAmount: given twice with different values"


def test_a_fault_repeats_nothing_of_what_was_sent():
    assert "254700000126" not in fault_of(callback(TransID="254700000126!")).fault


def to_proto(payment):
    """The same message that the gateway sends; raises where protobuf refuses a value."""
    fields = {name: getattr(payment, name) for name in Payment.__slots__ if name != "receive_time"}
    return pb.Payment(**fields).SerializeToString()


def is_payment_or_fault(body):
    try:
        payment = parse_callback(body)
    except MalformedCallback as malformed:
        fault = malformed.fault
    else:
        assert to_proto(payment)
        assert 1 <= payment.amount_cents <= MAX_AMOUNT_CENTS
        assert payment.callback_body == body
        return
    assert 1 <= len(fault) <= 255


@given(st.binary())
def test_any_bytes_are_a_payment_or_a_named_fault(body):
    is_payment_or_fault(body)


@given(JSON)
def test_any_json_is_a_payment_or_a_named_fault(value):
    is_payment_or_fault(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(KEYS, JSON))
def test_any_values_in_the_known_fields_are_a_payment_or_a_named_fault(changes):
    is_payment_or_fault(json.dumps(callback(**changes)).encode())


@given(st.integers(1, MAX_AMOUNT_CENTS), st.booleans())
def test_any_amount_arrives_to_the_cent_as_text_and_as_number(cents, as_text):
    text = in_shillings(cents)
    literal = json.dumps(text) if as_text else text
    body = f'{{"TransID": "SAMPLE0001", "TransAmount": {literal}}}'
    assert parse_callback(body.encode()).amount_cents == cents
