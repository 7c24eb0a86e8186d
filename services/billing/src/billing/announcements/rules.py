"""What operators write to many customers: the text's places, who cannot be told it, and until when. Pure.

The places are filled with what is on record when a message goes out.
"""

from datetime import datetime, timedelta
from string import Formatter

from servicekit.money import grouped

from billing.notices import rules as notices
from billing.notices.rules import Notice
from billing.payees.rules import Customer
from billing.policies.rules import LinePolicy
from billing.reminders.rules import first_decent_time
from billing.tasks.rules import MESSAGE_LIFETIME
from servicekit import segments

EVENT = "announcement"
# Of the text with its places filled: three SMS of GSM-7.
MAX_TEXT = 459
# What payments have to tell does not wait behind thousands of these.
PER_SECOND = 10
PLACES = ("name", "account", "amount", "due_date")


def fault(text: str) -> str:
    """What is wrong with a text, or nothing."""
    if not text.strip() or len(text) > MAX_TEXT:
        return f"message: 1 to {MAX_TEXT} characters, not {len(text)}"
    try:
        fields = [field for field in Formatter().parse(text) if field[1] is not None]
    except ValueError:
        return "message: a { or } alone; for a brace write it twice"
    odd = [name for _, name, form, conversion in fields if name not in PLACES or form or conversion]
    return f"message: {{{odd[0]}}} is no place: {', '.join(f'{{{one}}}' for one in PLACES)}" if odd else ""


def filled(text: str, customer: Customer) -> str:
    """What a customer is told, as it will be sent: on one line. `text`: one without fault."""
    facts = {
        "name": customer.full_name or customer.account_name,
        "account": customer.account_name,
        "amount": grouped(customer.package_cents or 0),
        "due_date": notices.day(customer.next_payment_date),
    }
    return segments.simplify(" ".join(text.format_map(facts).split()))


def lack(text: str, customer: Customer) -> str:
    """Why a customer cannot be told a text; or nothing."""
    names = {name for _, name, _, _ in Formatter().parse(text)}
    if not notices.phone_of(customer):
        return "there is no phone number on record"
    if "due_date" in names and customer.next_payment_date is None:
        return "there is no due date on record"
    if "amount" in names and not customer.package_cents:
        return "there is no package on record"
    return "the text is too long with what is on record" if len(filled(text, customer)) > MAX_TEXT else ""


def notice_of(text: str, customer: Customer) -> Notice:
    """What is to be told; its places are filled when it goes out."""
    return Notice(EVENT, {"text": text}, customer=notices.phone_of(customer))


def turn(policy: LinePolicy, begun: datetime, before: int) -> datetime:
    """When one is due before which there are so many others."""
    return first_decent_time(policy, begun) + timedelta(seconds=before // PER_SECOND)


def last_time(policy: LinePolicy, begun: datetime) -> datetime:
    """Until when it may be sent: a day after it was begun, or after the quiet hours in which that was."""
    return first_decent_time(policy, begun) + MESSAGE_LIFETIME
