"""Reads a table as people really save it, and says of every bad line what is wrong. Pure: bytes in, lines out.

Tolerated: CSV or a workbook, a byte order mark, `,` `;` or tab between the values, a first line sep=, a header in any
case and order, blank lines, columns that nobody needs, and what cells undoes. Not guessed: anything that could move a
value or an amount.
"""

import csv
import io
import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from servicekit.phones import is_mobile

from rejesha_cli.errors import UnreadableSheet
from rejesha_cli.imports import cells, workbook
from rejesha_cli.money import parse_cents

# As the services have it: the numbers above are left for those who get theirs from the database.
MAX_WANTED_ID = 1_000_000_000

# How a spreadsheet is told what stands between the values.
_TOLD_SEPARATOR = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)
_HOST = re.compile(r"(?=.{1,253}\Z)\w[\w-]{0,62}(\.\w[\w-]{0,62})*\.?", re.ASCII)


class BadValue(ValueError):
    """A value that cannot be meant; the text says why."""


@dataclass(frozen=True)
class Field:
    """A column that is looked for: its name, other names that it goes by, and whether it must be there."""

    name: str
    also: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Line:
    """A line's values by field name, trimmed; `number` counts from 1 and the header is usually line 1."""

    number: int
    values: dict[str, str]

    def get(self, name: str) -> str:
        """The value, or nothing where the file has no such column."""
        return self.values.get(name, "")


@dataclass(frozen=True)
class Fault:
    """A line that cannot be used, and why."""

    number: int
    error: str


@dataclass
class Sheet:
    """What a file holds: its good lines, its bad lines, and the header's words that mean nothing here."""

    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)


def read_sheet(body: bytes, fields: Sequence[Field]) -> Sheet:
    """All lines of a file. Raises UnreadableSheet when the file as a whole is of no use."""
    rows = _rows_of_workbook(body) if body.startswith(workbook.MAGIC) else _rows(_decode(body))
    sheet = Sheet()
    header = next((values for _, values in rows if isinstance(values, list)), None)
    if header is None:
        raise UnreadableSheet("there is no header row: the file is empty.")
    columns = _columns(header, fields)
    sheet.ignored_columns = [title for title, name in zip(header, columns, strict=True) if title and not name]
    for number, values in rows:
        error = values if isinstance(values, str) else _wrong_width(values, columns)
        if error or isinstance(values, str):
            sheet.faults.append(Fault(number, error))
            continue
        try:
            sheet.lines.append(_line(number, columns, values))
        except BadValue as fault:
            sheet.faults.append(Fault(number, str(fault)))
    return sheet


def _line(number: int, columns: Sequence[str], values: Sequence[str]) -> Line:
    """Raises BadValue, which names the column."""
    named = {}
    for name, value in zip(columns, values, strict=False):
        try:
            if name:
                named[name] = cells.unwrap(value)
        except cells.BadCell as error:
            raise BadValue(f"{name}: {error}") from error
    return Line(number, named)


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = body[: error.start].count(b"\n") + 1
        raise UnreadableSheet(f"line {number} is not UTF-8: save the file as “CSV UTF-8”.") from error


def _rows(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each line that is not blank with its number: its values, or what is wrong with it."""
    told = _TOLD_SEPARATOR.match(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=told[1] if told else _separator(text), strict=True)
    if told:
        next(reader)
    while True:
        number = reader.line_num + 1
        try:
            values = [value.strip() for value in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            lost = f"; nothing up to line {reader.line_num} was read" if reader.line_num > number else ""
            yield number, f"the quotes or characters are broken ({error}){lost}"
            continue
        if any(values):
            yield number, values


def _rows_of_workbook(body: bytes) -> Iterator[tuple[int, list[str] | str]]:
    for number, values in enumerate(workbook.rows(body), 1):
        if any(value.strip() for value in values):
            yield number, [value.strip() for value in values]


def _separator(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)


def _columns(header: Sequence[str], fields: Sequence[Field]) -> list[str]:
    """The field's name for each column, empty where the column means nothing."""
    known = {spelling: field.name for field in fields for spelling in (field.name, *field.also)}
    columns = [known.get(re.sub(r"[\s_-]+", "_", title.strip().lower()), "") for title in header]
    for name in {name for name in columns if name and columns.count(name) > 1}:
        raise UnreadableSheet(f"the header has the column {name} twice.")
    missing = [field.name for field in fields if field.required and field.name not in columns]
    if missing:
        seen = ", ".join(title for title in header if title)
        raise UnreadableSheet(f"the header lacks the column {' and '.join(missing)}; it has: {seen}.")
    return columns


def _wrong_width(values: Sequence[str], columns: Sequence[str]) -> str:
    width = len(values)
    while width > len(columns) and not values[width - 1]:
        width -= 1
    if width == len(columns):
        return ""
    return f"{width} values under {len(columns)} columns: one that has a separator in it must stand in quotes"


def bounded(text: str, name: str, most: int) -> str:
    """A text that must not be empty and has at most `most` characters."""
    if not text:
        raise BadValue(f"the {name} is empty")
    if cells.is_total(text):
        raise BadValue(f"the {name} is {text!r}: a spreadsheet's line of sums")
    if len(text) > most:
        raise BadValue(f"the {name} has {len(text)} characters, {most} are the most")
    return text


def host(text: str) -> str:
    """An IP address or a host name, without a port."""
    digits_and_dots = re.fullmatch(r"[\d.]+", text)
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        if digits_and_dots or not _HOST.fullmatch(text):
            raise BadValue(f"the address {text!r} is no IP address or host name") from error
    return text


def phone(text: str) -> str:
    """A Kenyan mobile number in any spelling, without its spaces, dashes and brackets; may be empty."""
    # A column of numbers has a fraction when one of its values is missing.
    number = re.sub(r"[\s()-]", "", text.removesuffix(".0"))
    if number and not is_mobile(number):
        raise BadValue(f"the phone {text!r} is no Kenyan mobile number")
    return number


def read_amount(text: str) -> int:
    """Shillings as cents; 0 when empty."""
    try:
        return parse_cents(text) if text else 0
    except ValueError as error:
        raise BadValue(f"the amount {error}") from error


def day(text: str) -> str:
    """A day as YYYY-MM-DD; may be empty. Other orders of day and month are refused, not guessed."""
    if not text:
        return ""
    try:
        return date.fromisoformat(text.removesuffix(" 00:00:00")).isoformat()
    except ValueError as error:
        raise BadValue(f"{text!r} is no day: write 2026-11-30, year first") from error


def whole_number(text: str, name: str, most: int) -> int:
    """A number from 0 to `most`; 0 when empty."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise BadValue(f"the {name} {text!r} is no whole number up to {most}")
    return int(text)


def wanted_id(text: str) -> int:
    """The id that a line has in its file; 0 when it has none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= MAX_WANTED_ID):
        raise BadValue(f"the id {text!r} is no whole number from 1 to {MAX_WANTED_ID}")
    return int(text)


def yes_no(text: str, name: str) -> bool:
    """No when empty."""
    if text.lower() in {"yes", "y", "true", "1"}:
        return True
    if text.lower() in {"", "no", "n", "false", "0"}:
        return False
    raise BadValue(f"{name} is {text!r}: write yes or no")
