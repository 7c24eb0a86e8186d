"""A bulk and its preview as people read them."""

from collections.abc import Iterator

from rejesha.billing.v1 import bulk_service_pb2 as pb

from rejesha_cli import tables
from rejesha_cli.money import group
from rejesha_cli.records import Record, record
from rejesha_cli.tables import Column, moment, print_json, say, show_table, state

_SAMPLE = (
    Column("Account", "account_name"), Column("Name", "full_name"), Column("Is", "before"), Column("Would be", "after"),
)  # fmt: skip
_TOLD = (Column("Account", "account_name"), Column("Name", "full_name"), Column("Would be told", "after"))
_BULKS = (
    Column("Bulk", "bulk_id"), Column("When", "create_time", moment), Column("State", "state", state),
    Column("What", "what"), Column("Of", "whom"), Column("Customers", "customers"), Column("By", "actor"),
    Column("Why", "reason"),
)  # fmt: skip
_EXCEPTIONS = (Column("Customer", "customer_id"), Column("Account", "account_name"), Column("Why", "note"))


def show_preview(seen: pb.PreviewBulkResponse, *, as_json: bool) -> None:
    """Who is meant, and how to go on."""
    one = record(seen)
    if as_json:
        print_json({"preview": one})
        return
    many = len(one["customer_ids"])
    if many:
        show_table(f"The first of {many:,}", _TOLD if one["sms_count"] else _SAMPLE, one["sample"])
    for sentence in _sentences(one):
        say(sentence)
    if many:
        say("Nothing is changed yet. To change it:")
        say(f"rejesha bulk apply {one['token']} --reason WHY")


def _sentences(one: Record) -> Iterator[str]:
    """What is known of all of them together."""
    yield f"Customers: {len(one['customer_ids']):,}; their packages together: KES {group(one['total'])}."
    if one["sms_count"]:
        yield f"SMS: {one['sms_count']:,}, for KES {group(one['cost'])} of credits."
        yield "They go out at once or, where it is quiet now, when that is over: ten a second, within a day."
    if one["overdue"]:
        yield f"Not paid for today: {one['overdue']:,}; their days count from today."
        yield "After an outage its first day as --due-from leaves out whoever was not paid for before."
    if one["undated"]:
        yield f"Left as they are, having no due date: {one['undated']:,}."
    for some in one["left_out"]:
        yield f"Left out: {some['count']:,}: {some['note']}."


def show(bulk: pb.Bulk, *, as_json: bool) -> None:
    """All that is known of it."""
    one = record(bulk)
    if as_json:
        print_json({"bulk": one})
        return
    say(f"Bulk {one['bulk_id']} is {one['state']}: {_what(one['plan'])}, by {one['actor']}: {one['reason']}")
    say(f"Customers: {_counts(one) or 'none'}.")
    if "message" in one["plan"]:
        say(f"Handed over to be sent: {one['handed_over']:,}.")
    if one["exceptions"]:
        show_table("Not changed, or not put back", _EXCEPTIONS, one["exceptions"])


def show_list(found: tuple[list[Record], bool], *, as_json: bool, as_csv: bool) -> None:
    """Bulks, a row for each."""
    records, more = found
    if not as_json:
        told = [{"what": _what(one["plan"]), "whom": _whom(one["plan"]), "customers": _counts(one)} for one in records]
        names = ("bulk_id", "create_time", "state", "actor", "reason")
        records = [{name: one[name] for name in names} | words for one, words in zip(records, told, strict=True)]
    tables.show_list("bulks", _BULKS, (records, more), as_json=as_json, as_csv=as_csv)


def _counts(one: Record) -> str:
    changed = "told" if "message" in one["plan"] else "changed"
    counts = ("done", changed), ("due", "waiting"), ("skipped", f"not {changed}"), ("undone", "put back")
    return ", ".join(f"{one[name]:,} {word}" for name, word in (*counts, ("left", "not put back")) if one[name])


def _what(plan: Record) -> str:
    if days := plan.get("extend_days"):
        return f"{days} days more"
    if text := plan.get("message"):
        return f"told: {text}"
    if "suspension" in plan:
        return "cut by staff"
    return f"KES {group(plan['price'])} instead of {group(plan['package'])}"


def _whom(plan: Record) -> str:
    """Which customers, as the options of the preview say it."""
    package = group(plan["package"]) if plan["package"] != "0.00" else ""
    told = (
        ("ISP", plan["isp_id"]), ("router", plan["router_id"]), ("package", package), ("", plan["paid"]),
        ("due from", plan["due_from"]), ("due until", plan["due_until"]),
    )  # fmt: skip
    return ", ".join(f"{word} {value}".strip() for word, value in told if value)
