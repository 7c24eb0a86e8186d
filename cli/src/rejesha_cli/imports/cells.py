"""What spreadsheets do to values: undone where it is clear what was meant, named where it is not. Pure."""

import re
import unicodedata
from decimal import Decimal

# How databases, and programs that read tables, say that there is nothing.
_NOTHING = {"NULL", "null", "\\N", "nan", "NaN", "0000-00-00", "0000-00-00 00:00:00"}
_FORMULA_OF_TEXT = re.compile(r'="((?:[^"]|"")*)"')
# What keeps a spreadsheet from taking a text for a number.
_MARKED_AS_TEXT = re.compile(r"'[0-9+]")
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|ERROR!)", re.IGNORECASE)
# "2.54713E+11"; an account such as 12E3 is none.
_SCIENTIFIC = re.compile(r"[0-9]\.[0-9]+E\+?[0-9]{1,3}|[0-9]E\+[0-9]{1,3}", re.IGNORECASE)
_TOTALS = {"total", "totals", "grand total", "subtotal", "sub total", "sum"}


class BadCell(ValueError):
    """A value that a spreadsheet spoiled; the text says how."""


def unwrap(value: str) -> str:
    """What was meant. Raises BadCell."""
    value = _trimmed(value)
    if formula := _FORMULA_OF_TEXT.fullmatch(value):
        value = _trimmed(formula[1].replace('""', '"'))
    elif _MARKED_AS_TEXT.match(value):
        value = value[1:]
    if value in _NOTHING:
        return ""
    if _ERROR.fullmatch(value):
        raise BadCell(f"{value} is a spreadsheet's error, and no value")
    if value.startswith("=") and "(" in value:
        raise BadCell(f"{value!r} is a formula, and no value")
    return _in_full(value) if _SCIENTIFIC.fullmatch(value) else value


def _trimmed(value: str) -> str:
    """Without white space and invisible characters at its ends."""
    while value and (value[-1].isspace() or unicodedata.category(value[-1]) == "Cf"):
        value = value[:-1]
    while value and (value[0].isspace() or unicodedata.category(value[0]) == "Cf"):
        value = value[1:]
    return value


def _in_full(value: str) -> str:
    """A number in scientific notation that has all its digits."""
    mantissa, _, exponent = value.upper().partition("E")
    if len(mantissa.partition(".")[2]) < int(exponent):
        raise BadCell(f"{value} was rounded by a spreadsheet: format the column as text, and enter its values again")
    return f"{Decimal(value):f}"


def is_total(text: str) -> bool:
    """Whether a name is what a spreadsheet's last line says."""
    return text.strip(" :").casefold() in _TOTALS
