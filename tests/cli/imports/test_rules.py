"""CSV files as people save them: what is read, and what is said of lines that cannot be."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rejesha_cli.errors import UnreadableSheet
from rejesha_cli.imports.rules import BadValue, Fault, Field, day, host, phone, read_sheet, whole_number, yes_no
from rejesha_cli.money import group, parse_cents
from servicekit.money import MAX_AMOUNT_CENTS, in_shillings

FIELDS = (Field("account_name", also=("account",), required=True), Field("full_name", also=("name",)), Field("package"))

cents = st.integers(0, MAX_AMOUNT_CENTS)


@given(cents, st.sampled_from(["", "KES ", "Ksh. ", "kshs", "\N{NO-BREAK SPACE} "]), st.sampled_from(["", "/=", " /-"]))
def test_an_amount_reads_the_same_in_every_spelling(amount, before, after):
    plain = in_shillings(amount)
    assert Decimal(plain) == Decimal(amount) / 100
    for text in (plain, group(plain), group(plain).replace(",", " ")):
        assert parse_cents(before + text + after) == amount


@given(st.integers(0, MAX_AMOUNT_CENTS // 100))
def test_an_amount_without_cents_is_whole_shillings(shillings):
    assert parse_cents(str(shillings)) == parse_cents(f"{shillings}.0") == shillings * 100


@given(st.text(alphabet="0123456789.,- KESksh/=e+_\N{ARABIC-INDIC DIGIT THREE}", max_size=20))
def test_whatever_is_read_as_an_amount_is_what_is_written(text):
    try:
        amount = parse_cents(text)
    except ValueError:
        return
    written = "".join(char for char in text if char in "0123456789.").strip(".")
    assert Decimal(amount) / 100 == Decimal(written)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-1000", "negative"),
        ("1000.005", "more than two decimals"),
        ("1.000,00", "not a number"),
        ("1,00", "not a number"),
        ("10,0000", "not a number"),
        ("1e3", "not a number"),
        ("1000.", "not a number"),
        ("NaN", "not a number"),
        ("\N{ARABIC-INDIC DIGIT THREE}", "not a number"),
        ("", "not a number"),
        ("10000000000.00", "larger than 9,999,999,999.99"),
        ("1" * 5000, "not a number"),
    ],
)
def test_an_amount_that_is_none_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        parse_cents(text)


@given(
    st.sampled_from(",;\t"),
    st.booleans(),
    st.lists(st.tuples(st.text("ab ,;\t\"'\nÄ", min_size=1).filter(str.strip), st.text('xy ,;\t"\n'))),
)
def test_every_separator_quote_and_byte_order_mark_is_read_back(separator, marked, rows):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow([" ACCOUNT Name", "Full-Name "])
    writer.writerows(rows)
    body = text.getvalue().encode("utf-8-sig" if marked else "utf-8")
    sheet = read_sheet(body, FIELDS)
    assert sheet.faults == []
    # The csv module reads a lone line break in quotes back as it was written.
    assert [(line.get("account_name"), line.get("full_name")) for line in sheet.lines] == [
        (account.strip(), name.strip()) for account, name in rows
    ]


def test_lines_are_numbered_as_an_editor_numbers_them():
    body = b'Account,Name\r\n\r\nA1,"two\nlines"\r\n,\r\nA2,x\r\n'
    assert [line.number for line in read_sheet(body, FIELDS).lines] == [3, 6]


def test_columns_may_be_in_any_order_absent_or_useless():
    sheet = read_sheet(b"colour;PACKAGE;account\nred;5;A1\n", FIELDS)
    assert sheet.lines[0].values == {"package": "5", "account_name": "A1"}
    assert sheet.lines[0].get("full_name") == ""
    assert sheet.ignored_columns == ["colour"]


def test_a_database_s_null_is_nothing():
    assert read_sheet(b"account,name,package\nA1,NULL,\\N\n", FIELDS).lines[0].values == {
        "account_name": "A1",
        "full_name": "",
        "package": "",
    }


def test_bad_lines_are_named_and_the_others_read():
    body = b'account,package\nA1,1,000.00\nA2\nA3,5,,\n"A4" x,1\n"A5,1\n'
    sheet = read_sheet(body, FIELDS)
    assert [line.get("account_name") for line in sheet.lines] == ["A3"]
    assert [fault.number for fault in sheet.faults] == [2, 3, 5, 6]
    assert sheet.faults[0] == Fault(2, "3 values under 2 columns: one that has a separator in it must stand in quotes")
    assert "quotes" in sheet.faults[3].error


def test_a_quote_that_swallows_lines_names_them():
    faults = read_sheet(b'account,package\n"A1,1\nA2,2\n"x",3\nA4,4\n', FIELDS).faults
    assert [fault.number for fault in faults] == [2]
    assert "nothing up to line 4 was read" in faults[0].error


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"name,package\nJane,1\n", "lacks the column account_name; it has: name, package"),
        (b"account,Account Name\nA1,A1\n", "column account_name twice"),
        (
            "account,name\nA1,Jane\nA2,Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}\n".encode("latin-1"),
            "line 3 is not UTF-8",
        ),
        ("account\nA1\n".encode("utf-16"), "line 1 is not UTF-8"),
    ],
)
def test_a_file_of_no_use_is_refused_with_the_reason(body, why):
    with pytest.raises(UnreadableSheet, match=why):
        read_sheet(body, FIELDS)


@pytest.mark.parametrize(
    ("read", "good"),
    [
        (phone, {"0712 345 678": "0712345678", "+254-712-345678": "+254712345678", "": "", "112345678": "112345678"}),
        (day, {"2026-11-30": "2026-11-30", "": ""}),
        (host, {"10.0.0.1": "10.0.0.1", "hill.example": "hill.example", "2001:db8::1": "2001:db8::1"}),
        (lambda text: whole_number(text, "port", 65535), {"": 0, "8729": 8729}),
        (lambda text: yes_no(text, "tls"), {"": False, "YES": True, "0": False, "true": True}),
    ],
)
def test_values_are_read(read, good):
    assert {text: read(text) for text in good} == good


@pytest.mark.parametrize(
    ("read", "bad"),
    [
        (phone, ["12345", "0812345678", "+1 202 555 0100", "7.12E+08", "0712345678 / 0722000000"]),
        (day, ["30/11/2026", "2026-02-30", "tomorrow", "0000-00-00"]),
        (host, ["", "10.0.0", "10.0.0.1:8728", "http://x", "a b"]),
        (lambda text: whole_number(text, "port", 65535), ["70000", "-1", "8728.0", "x", "9" * 5000]),
        (lambda text: yes_no(text, "tls"), ["perhaps"]),
    ],
)
def test_values_that_cannot_be_meant_are_refused(read, bad):
    for text in bad:
        with pytest.raises(BadValue):
            read(text)
