"""How a payment's timeline looks: the verdict first, then the facts, the entries, the tasks and the messages."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rejesha_cli.money import group
from rejesha_cli.payments.rules import Level, Timeline, Verdict, judge
from rejesha_cli.records import Record
from rejesha_cli.tables import Column, clean, moment, plain, show, state

_LEVELS: dict[Level, tuple[str, str]] = {"good": ("✓", "green"), "wait": ("…", "yellow"), "bad": ("✗", "red")}
_GOOD_ENDINGS = ("_SUCCESS", "_COMPLETE", "_DONE", "_SENT")
_BAD_WORDS = ("FAILED", "ERROR", "NOT_FOUND", "UNKNOWN", "GIVEN_UP", "EXPIRED", "CONFLICT", "INSUFFICIENT", "NO_ROUTER")

# The message's text stands among the messages; four copies of it here would bury the rest.
_SHOWN_BELOW = ("MESSAGE_ACCEPTED",)  # compared, not hashed: what is unexpected may be a list

_TASK_COLUMNS = (
    Column("State", "state", state),
    Column("What", "work"),
    Column("Tried", "attempts"),
    Column("Next", "dueTime", moment),
    Column("Being tried until", "leaseExpireTime", moment),
    Column("Ended", "endTime", moment),
    Column("What went wrong last", "lastError"),
)
_MESSAGE_COLUMNS = (
    Column("State", "state", state),
    Column("To", "phone"),
    Column("Text", "text"),
    Column("Detail", "detail"),
)


def show_timeline(timeline: Timeline) -> None:
    """Print all of it."""
    show(Group(*_parts(timeline)))


def _parts(timeline: Timeline) -> Iterable[RenderableType]:
    yield _headline(timeline, judge(timeline))
    yield Padding(_facts(timeline), (0, 2), expand=False)
    yield _title("What happened")
    yield Padding(_steps(timeline.events), (0, 2), expand=False)
    if timeline.tasks:
        yield _title("Work that follows from it")
        yield _table(_TASK_COLUMNS, timeline.tasks)
    if timeline.messages:
        yield _title("Messages")
        yield _table(_MESSAGE_COLUMNS, timeline.messages)
    elif timeline.messages is not None:
        yield _title("Messages: none yet")
    yield from (Text(f"! {clean(note)}", style="yellow") for note in timeline.notes)


def _headline(timeline: Timeline, verdict: Verdict) -> Panel:
    mark, colour = _LEVELS[verdict.level]
    lines: list[RenderableType] = [Text(f"{mark} {clean(verdict.sentence)}", style=f"bold {colour}")]
    if verdict.advice:
        lines.append(Padding(Text(clean(verdict.advice)), (0, 0, 0, 2), expand=False))
    if timeline.conflicts:
        warning = (
            f"! {timeline.conflicts} more with this code but other content: see --json. Nothing of it was applied."
        )
        lines.append(Text(warning, style="bold red"))
    payment = timeline.payment
    amount = f"{payment.get('currency') or 'KES'} {group(str(payment.get('amount') or '?'))}"
    title = Text(clean(f"{timeline.code} · {amount} · {payment.get('reference') or 'no reference'}"), style="bold")
    return Panel(Group(*lines), title=title, title_align="left", border_style=colour, expand=False)


def _facts(timeline: Timeline) -> Table:
    payment = timeline.payment
    outcome = state(payment.get("outcome"))
    facts = {
        "Outcome": outcome,
        "Customer": plain(timeline.customer),
        "Paid until": plain(timeline.paid_until),
        "Assigned to": plain(payment.get("assignedReference")),
        "Payer": plain(payment.get("firstName")),
        "Received": moment(payment.get("receiveTime")),
        "Shortcode": plain(payment.get("shortcode")),
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for title, value in facts.items():
        if value.plain != plain(None).plain:
            table.add_row(title, value)
    return table


def _steps(events: Sequence[Record]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    last_day = ""
    for event in events:
        if event.get("event") in _SHOWN_BELOW:
            continue
        day, time = str(event.get("time") or "")[:10], str(event.get("time") or "")[11:23]
        if day != last_day:
            table.add_row("", "", Text(clean(day), style="dim"))
            last_day = day
        name = clean(event.get("event") or "")
        sentence = Text.assemble(clean(event.get("message") or ""), "  ", (name, "dim"))
        table.add_row(clean(time), Text("●", style=_colour(name)), sentence)
    return table


def _colour(name: str) -> str:
    if any(word in name for word in _BAD_WORDS):
        return "red"
    return "green" if name.endswith(_GOOD_ENDINGS) else "dim"


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _table(columns: Sequence[Column], records: Sequence[Record]) -> Table:
    shown = [column for column in columns if any(record.get(column.key) is not None for record in records)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=True, header_style="dim")
    for column in shown:
        table.add_column(column.title, overflow="fold")
    for record in records:
        table.add_row(*(column.show(record.get(column.key)) for column in shown))
    return table
