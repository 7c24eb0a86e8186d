"""How answers look: tables and sentences for people on stdout, one JSON document for programs.

What comes from a customer's phone is shown as text and never obeyed: no markup, no control characters.
"""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from rejesha_cli.money import group
from rejesha_cli.records import Record

_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?")
# Where nobody's window limits the line, such as in a pipe, nothing is cut.
_PIPE_WIDTH = 200

_STYLES = {
    "green": "active already_so applied changed customer_paid done enabled healthy ok reachable replayed sent serving"
    " service_payment sms_credits whatsapp_credits created",
    "yellow": "applying degraded draining open queued spooled sending unknown unmatched customer_partial inactive"
    " disabled unchanged waiting deferred dismissed reversed undoing undone",
    "red": "away bad certificate_changed conflict expired failed failing full given_up login_refused no_fixed_address"
    " no_such_profile no_such_router no_such_secret not_permitted not_serving quarantined rejected router_error"
    " timed_out unhealthy unreachable",
}
STYLE_OF = {state: style for style, states in _STYLES.items() for state in states.split()}


def clean(value: object) -> str:
    """A value as text that cannot steer the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))


def plain(value: Any) -> Text:
    if value is None or value == "":
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text(clean(value))


def reference(value: Any) -> Text:
    """An id, where 0 means none."""
    return plain(value or None)


def money(value: Any) -> Text:
    return plain(group(str(value)) if value is not None else None)


def moment(value: Any) -> Text:
    """An ISO 8601 moment to the second, without its zone: everything is shown in East Africa Time."""
    return plain(str(value)[:19].replace("T", " ") if value else None)


def state(value: Any) -> Text:
    """A word of an enum, coloured by whether somebody must act."""
    return Text(clean(value).replace("_", " "), style=STYLE_OF.get(str(value), "")) if value else plain(None)


@dataclass(frozen=True)
class Column:
    """One column: its title, the record's key, and how a value looks."""

    title: str
    key: str
    show: Callable[[Any], Text] = plain


def console() -> Console:
    """Standard output for people."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def show(renderable: RenderableType) -> None:
    console().print(renderable)


def say(sentence: str) -> None:
    """One sentence about what was done."""
    show(Text(clean(sentence)))


def remark(sentence: str) -> None:
    """One sentence beside the answer, on stderr, so that stdout stays the answer alone."""
    sys.stderr.write(f"{clean(sentence)}\n")


def show_table(title: str, columns: Sequence[Column], records: Iterable[Record]) -> None:
    """A row for each record."""
    rows = list(records)
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column.title, justify="right" if column.show is money else "left", overflow="fold")
    for row in rows:
        table.add_row(*(column.show(row.get(column.key)) for column in columns))
    show(Text(f"{title} ({len(rows)})", style="bold"))
    show(table)


def show_record(title: str, columns: Sequence[Column], record: Record) -> None:
    """A line for each fact of one record."""
    table = Table(box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for column in columns:
        table.add_row(column.title, column.show(record.get(column.key)))
    show(Text(title, style="bold"))
    show(table)


def print_json(document: object) -> None:
    """The one JSON document; ASCII, so that every terminal and pipe carries it whole."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()  # a reader that has gone must be noticed here, not while the interpreter ends


def print_csv(columns: Sequence[Column], records: Sequence[Record]) -> None:
    """A row for each record, under the keys that `--json` has too; without any the columns' keys stand alone."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(records[0] if records else [column.key for column in columns])
    writer.writerows([_cell(value) for value in one.values()] for one in records)
    sys.stdout.flush()


def _cell(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value)
    # A payer chooses the name: no spreadsheet may take it for a formula. A balance may be negative.
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if formula and not _NUMBER.fullmatch(str(value)) else value


def show_list(
    noun: str,
    columns: Sequence[Column],
    found: tuple[list[Record], bool],
    *,
    as_json: bool,
    as_csv: bool = False,
    title: str = "",
) -> None:
    """A list's answer: `{noun: […], "more": …}`, CSV or a table. `found`: the records and whether there are more."""
    records, more = found
    if as_json:
        print_json({noun: records, "more": more})
        return
    if as_csv:
        print_csv(columns, records)
    else:
        show_table(title or noun.capitalize(), columns, records)
    if more:
        remark("There are more: raise --limit, or --limit 0 for all.")
