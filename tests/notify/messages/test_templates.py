import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify.messages import kiswahili, rules, templates
from notify.messages.rules import Draft, compose

from servicekit import segments

ORDINARY = {
    "account": "WAIRIMU12345",
    "paybill": "1234567",
    "amount": "10,000.00",
    "package": "12,500.00",
    "missing": "2,500.00",
    "trans_id": "SLK4H7TR02",
    "due_date": "23 Sep 2026",
    "credit": "2,500.00",
    "count": "1,234",
    "since": "14:00",
    "until": "15:00",
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
NAMES = {fact for template in templates.TEMPLATES.values() for fact in template.facts}
facts = st.dictionaries(st.one_of(st.sampled_from(sorted(NAMES)), texts), texts)


def test_each_fact_is_described_once_and_needed_by_a_template():
    assert set(templates.FACTS) == NAMES


@pytest.mark.parametrize("name", [name for name in templates.TEMPLATES if name.startswith("customer_")])
def test_a_customers_message_fits_one_sms(name):
    facts = {fact: ORDINARY[fact] for fact in templates.find(name).facts}
    text = templates.find(name).render(facts)
    assert segments.count(text) == 1, len(text)
    assert all(fact in text for fact in facts.values())


def test_every_customer_s_message_is_there_in_kiswahili_with_the_same_facts():
    english = {name for name in templates.TEMPLATES if name.startswith("customer_") and not name.endswith("_sw")}
    assert english == set(kiswahili.TEXTS)
    for name in english:
        translated = templates.find(f"{name}_sw")
        assert translated.facts == templates.find(name).facts
        assert translated.text != templates.find(name).text


def test_only_messages_whose_double_does_less_harm_than_silence_are_sent_again():
    assert {name for name in (*templates.TEMPLATES, "", "no_such") if templates.may_resend(name)} == {
        "customer_connected",
        "customer_waiting",
        "customer_reconnected",
        "customer_connected_sw",
        "customer_waiting_sw",
        "customer_reconnected_sw",
        "payments_waiting",
        "callbacks_rejected",
        # money that is held
        "unmatched_payment",
        "unmatched_digest",
        "unreadable_digest",
    }


@given(
    name=st.one_of(st.sampled_from(sorted(templates.TEMPLATES)), texts),
    facts=facts,
    phone=st.one_of(texts, st.just("0712345678")),
)
def test_whatever_the_facts_a_message_is_composed_or_says_what_is_wrong(name, facts, phone):
    composed = compose(Draft("id", phone, template=name, facts=facts))
    needed = templates.TEMPLATES[name].facts if name in templates.TEMPLATES else ()
    given_facts = all(facts.get(fact, "").split() for fact in needed)
    assert bool(composed.detail) == (not needed or not given_facts or phone != "0712345678")
    assert composed.segments == segments.count(composed.text)
    if not composed.detail:
        assert len(composed.text) > 0


@given(st.sampled_from(sorted(templates.TEMPLATES)), texts.filter(str.split))
def test_a_fact_never_acts_as_a_template(name, fact):
    hostile = "{amount.__class__} {0} " + fact
    rendered = templates.find(name).render(dict.fromkeys(templates.find(name).facts, hostile))
    assert "{amount.__class__} {0}" in rendered
    assert "\n" not in rendered


def test_a_missing_fact_is_named():
    with pytest.raises(templates.MissingFacts, match="due_date, trans_id"):
        templates.find("customer_reconnected").render({"due_date": "  "})


def test_facts_that_a_newer_caller_adds_are_ignored():
    assert templates.find("customer_expired").render({"trans_id": "T1", "site": "Kisumu"})


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        (Draft("id", "0712345678"), "neither a text nor a template"),
        (Draft("id", "0712345678", text=" \n"), "neither a text nor a template"),
        (Draft("id", "0712345678", text="a" * (rules.MAX_TEXT + 1)), "longer than 1000"),
        (Draft("id", "0712345678", text="a", subject="s" * 101), "subject: longer than 100"),
        (Draft("id", "0712345678", template="no_such"), "no such template"),
        (Draft("id", "0201234567", text="a"), "phone: not a mobile number of Kenya"),
    ],
)
def test_what_cannot_go_says_why(draft, fault):
    assert fault in compose(draft).detail
