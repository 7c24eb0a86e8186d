import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.providers.provider import OutcomeKind, Sms
from notify.providers.textsms import classify, read

# The provider's list of codes with what each of them means for a message.
CODES = {
    200: OutcomeKind.SENT,
    1001: OutcomeKind.ACCOUNT_REFUSED,
    1002: OutcomeKind.REFUSED,
    1003: OutcomeKind.REFUSED,
    1004: OutcomeKind.LATER,
    1005: OutcomeKind.BUSY,
    1006: OutcomeKind.ACCOUNT_REFUSED,
    1007: OutcomeKind.BUSY,
    1008: OutcomeKind.UNKNOWN,
    1009: OutcomeKind.REFUSED,
    1010: OutcomeKind.REFUSED,
    4090: OutcomeKind.LATER,
    4091: OutcomeKind.ACCOUNT_REFUSED,
    4092: OutcomeKind.ACCOUNT_REFUSED,
    4093: OutcomeKind.REFUSED,
}
SPELLINGS = ("respose-code", "response-code")


def sms(number, phone=None):
    return Sms(str(number), phone or f"2547120000{number:02}", "hello")


def answer(*results):
    return json.dumps({"responses": results}).encode()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("code", CODES)
def test_every_code_is_understood_in_both_spellings_as_number_and_as_text(code, spelling):
    for written in (code, str(code)):
        (outcome,) = read(200, answer({spelling: written, "response-description": "so", "messageid": 8}), [sms(1)])
        assert (outcome.kind, outcome.detail, outcome.provider_message_id) == (CODES[code], f"{code}: so", "8")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("code", set(CODES) - {200})
def test_a_refusal_of_the_whole_call_holds_for_every_message_whatever_the_http_status(code, spelling):
    body = json.dumps({spelling: code, "response-description": "no"}).encode()
    for status in (200, 401, 500):
        assert [o.kind for o in read(status, body, [sms(1), sms(2)])] == [CODES[code]] * 2


def test_a_success_without_results_is_believed_only_for_a_lone_message():
    body = json.dumps({"response-code": 200, "messageid": 5}).encode()
    assert [o.kind for o in read(200, body, [sms(1)])] == [OutcomeKind.SENT]
    assert [o.kind for o in read(200, body, [sms(1), sms(2)])] == [OutcomeKind.UNKNOWN] * 2


@given(st.one_of(st.none(), st.integers().filter(lambda code: code not in CODES)))
def test_no_code_and_an_undocumented_code_leave_the_outcome_unknown(code):
    assert classify(code) is OutcomeKind.UNKNOWN


@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=20, unique=True).flatmap(
        lambda n: st.tuples(st.just(n), st.permutations(n))
    )
)
def test_echoed_references_match_in_any_order(numbers):
    asked, answered = numbers
    results = [{"response-code": 200, "clientsmsid": n, "messageid": f"m{n}", "mobile": 254700000000} for n in answered]
    outcomes = read(200, answer(*results), [sms(n) for n in asked])
    assert [outcome.provider_message_id for outcome in outcomes] == [f"m{n}" for n in asked]


def test_without_an_echo_the_order_decides_unless_the_numbers_contradict_it():
    batch = [sms(1), sms(2)]
    in_order = [{"response-code": 200}, {"response-code": 1003}]
    assert [o.kind for o in read(200, answer(*in_order), batch)] == [OutcomeKind.SENT, OutcomeKind.REFUSED]
    swapped = [{"response-code": 1003, "mobile": 254712000002}, {"response-code": 200, "mobile": "0712000001"}]
    assert [o.kind for o in read(200, answer(*swapped), batch)] == [OutcomeKind.SENT, OutcomeKind.REFUSED]


def test_a_message_without_a_result_of_its_own_is_unknown():
    batch = [sms(1), sms(2), sms(3, "254712000002")]
    only_one = answer({"response-code": 200, "mobile": 254712000002})
    assert [o.kind for o in read(200, only_one, batch)] == [OutcomeKind.UNKNOWN] * 3
    echoed = answer({"response-code": 200, "clientsmsid": "2"}, {"response-code": 200, "clientsmsid": "9"})
    assert [o.kind for o in read(200, echoed, batch)] == [OutcomeKind.UNKNOWN, OutcomeKind.SENT, OutcomeKind.UNKNOWN]


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["responses", *SPELLINGS, "clientsmsid", "mobile", "messageid", "x"]), inner, max_size=5
        ),
    ),
)


@given(st.integers(100, 599), st.one_of(st.binary(max_size=50), json_values.map(lambda v: json.dumps(v).encode())))
def test_any_answer_gives_one_outcome_for_each_message(status, body):
    batch = [sms(1), sms(2)]
    assert len(read(status, body, batch)) == len(batch)


@pytest.mark.parametrize("body", [b"<html>Payment Required</html>", b"", b'{"message": "Too Many Requests"}'])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, OutcomeKind.LATER),
        (429, OutcomeKind.LATER),
        (503, OutcomeKind.BUSY),
        # it may have been taken
        *((status, OutcomeKind.UNKNOWN) for status in (200, 408, 500, 502, 504)),
    ],
)
def test_a_call_that_its_http_status_turns_away_goes_again_later(status, kind, body):
    for batch in ([sms(1)], [sms(1), sms(2)]):
        outcomes = read(status, body, batch)
        assert [outcome.kind for outcome in outcomes] == [kind] * len(batch)
        assert str(status) in outcomes[0].detail


def test_what_is_not_json_says_so_with_its_http_status():
    (outcome,) = read(502, b"<html>", [sms(1)])
    assert (outcome.kind, "502" in outcome.detail) == (OutcomeKind.UNKNOWN, True)
