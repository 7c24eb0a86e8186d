"""Reads a workbook's first sheet as rows of text, as the same table in CSV would have them."""

import io
from collections.abc import Sequence
from datetime import date, datetime, time

from rejesha_cli.errors import UnreadableSheet

MAGIC = b"PK\x03\x04"


def rows(body: bytes) -> list[Sequence[str]]:
    """All rows, also the empty ones. Raises UnreadableSheet."""
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - few files are workbooks

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0)
        return [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, IndexError) as error:
        raise UnreadableSheet(f"it is no workbook that can be read ({error}): save it as XLSX or CSV.") from error


def _text(value: object) -> str:
    """A number without a fraction has none; a day at midnight is a day."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
