"""A line as people read it."""

from typing import Any

from rejesha.billing.v1 import line_service_pb2 as pb
from servicekit.money import grouped

from rejesha_cli.records import record
from rejesha_cli.tables import print_json, say


def show(line: pb.Line, *, as_json: bool) -> None:
    """All that is known of it."""
    one = record(line)
    if as_json:
        print_json({"line": one})
        return
    say(f"{one['account_name']} (customer {one['customer_id']}): {_wanted(one)}")
    say(f"  Line: {one['username'] or '-'} on router {one['router_id'] or '-'}")
    for other in one.get("sharers", ()):
        say(f"  Also the line of {other['account_name']} (customer {other['customer_id']}): {_wanted(other)}")
    if one.get("sharers"):
        say(f"  So the router is asked to have it {one.get('asked') or 'as it is'}: on while that is wanted for any")
    say(f"  Paid until: {one['due_date'] or 'nobody says until when'}{_cut(one)}")
    if line.package_name or line.profile:
        say(f"  Package: {line.package_name or '-'}; on it has {_profile(line)}")
    if line.credit_cents:
        say(f"  Kept for the customer: KES {grouped(line.credit_cents)}")
    if one.get("hold"):
        say(f"  Kept off: {one['hold']} since {one['hold_since']}")
    say(f"  The router: {_reported(one)}")


def _profile(line: pb.Line) -> str:
    return f"the profile {line.profile}" if line.profile else "whichever profile it has"


def _wanted(one: dict[str, Any]) -> str:
    if not one.get("wanted"):
        return "nothing is wanted of the line yet, it is left as it is"
    return f"is to be {one['wanted']} ({one['reason']})"


def _cut(one: dict[str, Any]) -> str:
    return f", cut at {one['cut_time']} unless paid" if one.get("cut_time") else ""


def _reported(one: dict[str, Any]) -> str:
    known = f"{one['reported']} since {one['report_time']}" if one.get("report_time") else "not heard of yet"
    if one.get("waits"):
        return f"{known}; is being asked{': ' + one['error'] if one.get('error') else ''}"
    return known
