"""Reads a workbook's first sheet as rows of text, as the same table in CSV would have them."""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time

from rejesha_cli.errors import UnreadableSheet

MAGIC = b"PK\x03\x04"
# The reader leaves nothing of a cell that holds an error: "#N/A" would be an empty value.
_FIRST_SHEET = re.compile(r'<sheet\b[^>]*\br:id="([^"]+)"')
_ERROR_CELL = re.compile(r'<c\b(?=[^>]*\bt="e")[^>]*\br="([A-Z]+)([0-9]+)"[^>]*>.*?<v>([^<]*)</v>', re.DOTALL)


def rows(body: bytes) -> list[list[str]]:
    """All rows, also the empty ones. Raises UnreadableSheet."""
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - few files are workbooks

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0)
        found = [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
        for row, column, text in _errors(body):
            if row < len(found) and column < len(found[row]):
                found[row][column] = text
    except (CalamineError, IndexError, KeyError, zipfile.BadZipFile) as error:
        raise UnreadableSheet(f"it is no workbook that can be read ({error}): save it as XLSX or CSV.") from error
    return found


def _errors(body: bytes) -> Iterator[tuple[int, int, str]]:
    """The errors in an XLSX file's first sheet: row and column, from 0, and what the cell shows."""
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        if "xl/workbook.xml" not in packed.namelist():
            return  # another kind of workbook
        sheet = _FIRST_SHEET.search(packed.read("xl/workbook.xml").decode())
        relations = packed.read("xl/_rels/workbook.xml.rels").decode()
        path = _target(relations, sheet[1]) if sheet else ""
        text = packed.read(path).decode() if path in packed.namelist() else ""
    for letters, row, shown in _ERROR_CELL.findall(text):
        yield int(row) - 1, _column(letters), shown


def _target(relations: str, wanted: str) -> str:
    """The file of the archive that a relation names; empty for none."""
    for relation in re.findall(r"<Relationship\b[^>]*>", relations):
        if f'Id="{wanted}"' in relation and (target := re.search(r'\bTarget="([^"]+)"', relation)):
            return target[1].removeprefix("/") if target[1].startswith("/") else f"xl/{target[1]}"
    return ""


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _text(value: object) -> str:
    """A number without a fraction has none; a day at midnight is a day."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
