"""Files that a spreadsheet made: undone where it is clear what was meant, else named with line and column."""

import pytest
from rejesha_cli.errors import UnreadableSheet
from rejesha_cli.imports.rules import Field, read_sheet

from tests.cli.imports.spreadsheets import workbook

FIELDS = (Field("account_name", required=True), Field("phone"), Field("next_payment_date"))


def accounts(body):
    return [line.get("account_name") for line in read_sheet(body, FIELDS).lines]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'0201AA", "0201AA"),
        ('="0202AA"', "0202AA"),
        ('"=""0202AA"""', "0202AA"),
        ("2.54712345678E+11", "254712345678"),
        ("2.54712345678E11", "254712345678"),
        ("\u200b0203AA\ufeff", "0203AA"),
        ("12E3", "12E3"),
        ("NULL", ""),
        ("\\N", ""),
        ("nan", ""),
        ("O'Neil", "O'Neil"),
    ],
)
def test_what_was_meant_is_read(written, meant):
    assert accounts(f"account_name,phone\n{written},0712000001\n".encode()) == [meant]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2.54713E+11", "rounded by a spreadsheet"),
        ("2.54713E11", "rounded by a spreadsheet"),
        ("#N/A", "#N/A is a spreadsheet's error"),
        ("#REF!", "#REF! is a spreadsheet's error"),
        ("=VLOOKUP(A2)", "is a formula"),
    ],
)
@pytest.mark.parametrize("column", ["account_name", "phone"])
def test_what_cannot_be_undone_is_named_with_line_and_column(written, why, column):
    values = {"account_name": "0201AA", "phone": "0712000001"} | {column: written}
    body = f"account_name,phone,colour\n0200AA,,#N/A\n{values['account_name']},{values['phone']},\n"
    sheet = read_sheet(body.encode(), FIELDS)
    assert [line.get("account_name") for line in sheet.lines] == ["0200AA"]
    ((number, error),) = [(fault.number, fault.error) for fault in sheet.faults]
    assert (number, error.partition(":")[0]) == (3, column)
    assert why in error


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_a_line_that_tells_the_separator_is_no_header(separator):
    body = (
        f"\ufeffsep={separator}\r\naccount_name{separator}phone\r\nA,1;2{separator}\r\n"
        if separator == "\t"
        else (f"\ufeffSEP={separator}\r\naccount_name{separator}phone\r\n0201AA{separator}\r\n")
    )
    sheet = read_sheet(body.encode(), FIELDS)
    assert [line.number for line in sheet.lines] == [3]
    assert not sheet.faults


def test_a_workbook_is_read_like_the_same_table_in_csv():
    body = workbook(
        ["Account Name", "Phone", "Next payment date", "Colour"],
        [],
        ["0201AA", 254712345678, "2026-11-30", "#N/A"],
        [202, 712000001.0, "0000-00-00", ""],
        ["0203AA", 2.5, "'#N/A", ""],
        ["#REF!", 712000003, "", ""],
        ["\u200b0204AA", "'0712000002", "", ""],
    )
    sheet = read_sheet(body, FIELDS)
    read = [(line.number, *line.values.values()) for line in sheet.lines]
    assert read == [
        (3, "0201AA", "254712345678", "2026-11-30"),
        (4, "202", "712000001", ""),
        (5, "0203AA", "2.5", "'#N/A"),
        (7, "0204AA", "0712000002", ""),
    ]
    assert [(fault.number, fault.error) for fault in sheet.faults] == [
        (6, "account_name: #REF! is a spreadsheet's error, and no value")
    ]
    assert sheet.ignored_columns == ["Colour"]


def test_what_only_begins_like_a_workbook_is_refused():
    with pytest.raises(UnreadableSheet, match="no workbook"):
        read_sheet(b"PK\x03\x04 and nothing more", FIELDS)
