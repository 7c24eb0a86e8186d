"""A bulk and its preview as people read them."""

from typing import Any

from rejesha.billing.v1 import bulk_service_pb2 as pb

from rejesha_cli.money import group
from rejesha_cli.records import record
from rejesha_cli.tables import Column, print_json, say, show_table

_SAMPLE = (
    Column("Account", "account_name"), Column("Name", "full_name"), Column("Is", "before"), Column("Would be", "after"),
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
        show_table(f"The first of {many:,}", _SAMPLE, one["sample"])
    say(f"Customers: {many:,}; their packages together: KES {group(one['total'])}.")
    if one["undated"]:
        say(f"Left as they are, having no due date: {one['undated']:,}.")
    if many:
        say("Nothing is changed yet. To change it:")
        say(f"rejesha bulk apply {one['token']} --reason WHY")


def show(bulk: pb.Bulk, *, as_json: bool) -> None:
    """All that is known of it."""
    one = record(bulk)
    if as_json:
        print_json({"bulk": one})
        return
    say(f"Bulk {one['bulk_id']} is {one['state']}: {_what(one['plan'])}, by {one['actor']}: {one['reason']}")
    counts = ("done", "changed"), ("due", "waiting"), ("skipped", "not changed"), ("undone", "put back")
    told = [f"{one[name]:,} {word}" for name, word in (*counts, ("left", "not put back")) if one[name]]
    say(f"Customers: {', '.join(told) or 'none'}.")
    if one["exceptions"]:
        show_table("Not changed, or not put back", _EXCEPTIONS, one["exceptions"])


def _what(plan: dict[str, Any]) -> str:
    if days := plan.get("extend_days"):
        return f"{days} days more"
    return f"KES {group(plan['price'])} instead of {group(plan['package'])}"
