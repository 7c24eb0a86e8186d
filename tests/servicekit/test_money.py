import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.money import MAX_AMOUNT_CENTS, BadAmount, grouped, in_shillings, signed_cents, to_cents

CENTS = st.integers(1, MAX_AMOUNT_CENTS)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1000", 100_000),
        ("1000.00", 100_000),
        ("1,000.00", 100_000),
        ("1,234,567.89", 123_456_789),
        ("2500.000", 250_000),
        ("1000.5", 100_050),
        ("1000.", 100_000),
        ("0.01", 1),
        ("007", 700),
        (" 10 ", 1_000),
        ("KES 1000", 100_000),
        ("kes1,000.50", 100_050),
        ("Ksh. 20", 2_000),
        ("KSHS 20/=", 2_000),
        ("20/-", 2_000),
        ("1000 KES", 100_000),
        ("1,000.50ksh", 100_050),
        ("20 Kshs.", 2_000),
        ("1.0E7", 1_000_000_000),
        ("1e3", 100_000),
        ("150e-2", 150),
        ("9999999999.99", MAX_AMOUNT_CENTS),
    ],
)
def test_an_amount_in_any_of_its_spellings_is_read_exactly(text, cents):
    assert to_cents(text) == cents


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a number"),
        ("ten", "not a number"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("-Infinity", "not a number"),
        ("1 000", "not a number"),
        ("10,00", "not a number"),
        ("1.000,00", "not a number"),
        ("0x10", "not a number"),
        ("USD 10", "not a number"),
        ("10 USD", "not a number"),
        ("10 KES 20", "not a number"),
        ("10 KESH", "not a number"),
        ("10/= KES", "not a number"),
        ("1_000", "not a number"),
        ("\u0661\u0662", "not a number"),  # digits, but Arabic ones
        ("1" * 201, "not a number"),
        ("1'; DROP TABLE payments; --", "not a number"),
        ("-5", "negative"),
        ("KES -5.00", "negative"),
        ("0", "zero"),
        ("-0.00", "zero"),
        ("0.001", "more than two decimals"),
        ("10.999", "more than two decimals"),
        ("1e-9", "more than two decimals"),
        ("1e-999", "more than two decimals"),
        ("0.35000000000000003", "more than two decimals"),
        ("10000000000.00", "larger than"),
        ("1e999", "larger than"),
        ("9" * 200, "larger than"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(text, why):
    with pytest.raises(BadAmount, match=why):
        to_cents(text)


@given(CENTS)
def test_every_amount_of_the_contract_survives_being_written_and_read(cents):
    assert to_cents(in_shillings(cents)) == cents
    assert to_cents(f"KES {cents // 100:,}.{cents % 100:02}0") == cents
    assert to_cents(f"{cents}e-2") == cents


@given(st.text())
def test_any_text_is_an_amount_within_the_contract_or_a_bad_amount(text):
    try:
        cents = to_cents(text)
    except BadAmount:
        return
    assert 1 <= cents <= MAX_AMOUNT_CENTS


@given(st.integers(-MAX_AMOUNT_CENTS, MAX_AMOUNT_CENTS))
def test_people_and_programs_are_told_the_same_amount(cents):
    assert grouped(cents).replace(",", "") == in_shillings(cents)
    assert signed_cents(in_shillings(cents)) == signed_cents(grouped(cents)) == cents
