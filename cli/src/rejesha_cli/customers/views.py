"""How a customer looks: the record first, then the line, the payments, and what happened."""

from rich.table import Table
from rich.text import Text

from rejesha_cli.names import Names
from rejesha_cli.records import Record
from rejesha_cli.tables import Column, clean, moment, money, plain, show, show_record, show_table, state

COLUMNS = (
    Column("Account", "account_name"),
    Column("Name", "full_name"),
    Column("Status", "status", state),
    Column("Paid until", "next_payment_date"),
    Column("Package KES", "package", money),
    Column("Package", "package_shown"),
    Column("ISP", "isp"),
    Column("Router", "router"),
    Column("Username", "username"),
    Column("Phone", "phone"),
    Column("Last on", "last_reconnect_time", moment),
    Column("Closed", "close_time", moment),
)
_PAYMENT_COLUMNS = (
    Column("Received", "receive_time", moment),
    Column("M-Pesa code", "trans_id"),
    Column("KES", "amount", money),
    Column("Typed", "bill_ref_number"),
    Column("Payer", "first_name"),
    Column("Outcome", "outcome", state),
)


def labelled(customer: Record, names: Names) -> Record:
    """With the names of the ISP and the router."""
    isp, router = names.isp_label(customer["isp_id"]), names.router_label(customer["router_id"])
    return {**customer, "isp": isp, "router": router, "package_shown": _package(customer)}


def _package(customer: Record) -> str:
    """Its name, and how long it lasts; nothing where there is none."""
    if not customer["package_name"]:
        return ""
    waits = f"; the line has it from {customer['package_day']}" if customer["package_day"] else ""
    return f"{customer['package_name']}, {customer['period']}{waits}"


def show_customer(overview: Record, names: Names) -> None:
    """Print all of it."""
    line = Column("The line now", "line_now")
    credit = [Column("Kept for it KES", "credit", money)] if overview["credit"] not in {None, "0.00"} else []
    shown = {**labelled(overview, names), "line_now": _line(overview["line"])}
    show_record(f"Customer {overview['customer_id']}", (*COLUMNS, *credit, line), shown)
    if overview["payments"]:
        show_table("Payments", _PAYMENT_COLUMNS, overview["payments"])
    if overview["timeline"]:
        show(Text("What happened", style="bold"))
        show(_happened(overview["timeline"]))
    if overview["messages"] is None:
        show(Text("! notify cannot be asked: messages are left out", style="yellow"))


def _line(line: Record | None) -> str:
    if line is None:
        return "no router or username on record"
    if not line["access"]:
        return f"{line['outcome']}: {line['detail']}".replace("_", " ")
    return f"{line['access']}, {line['sessions']} session{'' if line['sessions'] == 1 else 's'}"


def _happened(events: list[Record]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for event in events:
        sentence = Text.assemble(clean(event["message"]), "  ", (clean(event["event"]), "dim"))
        table.add_row(moment(event["time"]) if event["time"] else plain(None), sentence)
    return table
