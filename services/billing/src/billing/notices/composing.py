"""The messages of a notice: which of notify's templates each recipient gets. Pure.

A module of its own: it comes when a message goes out, rules when a payment comes in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from billing.notices.rules import Notice, Variant
from billing.policies.rules import Language


@dataclass(frozen=True, slots=True)
class Message:
    """One SMS: notify's template and its facts."""

    message_id: str
    phone: str
    template: str
    facts: dict[str, str]


# The other months are abbreviated alike.
_KISWAHILI_MONTHS = {"Mar": "Mac", "May": "Mei", "Aug": "Ago", "Oct": "Okt", "Dec": "Des"}

# variant -> (the customer's template, the predecessor's word for staff)
_CUSTOMER_PAYMENT = {
    Variant.WAITING: ("customer_waiting", "FAILED (DATE UPDATED)"),
    Variant.CONNECTED: ("customer_connected", "CONNECTED"),
    Variant.GIVEN_UP: ("customer_unassigned_line", "FAILED (DATE UPDATED)"),
    Variant.NO_LINE: ("customer_unassigned_line", "NO ROUTER CONFIGURED"),
    Variant.PARTIAL: ("customer_partial", "INSUFFICIENT PAYMENT"),
    Variant.KEPT: ("customer_kept", "KEPT AS CREDIT"),
}
_KEPT_OFF = ("customer_kept_off", "KEPT OFF BY STAFF")

# What an operator wrote: in whatever language.
AS_WRITTEN = "announcement"

# event -> (the customer's template, the staff's template)
_OTHER_EVENTS = {
    "announcement": (AS_WRITTEN, ""),
    "reconnected": ("customer_reconnected", "reconnection_done"),
    "expired": ("customer_expired", "system_error"),
    "reminder": ("customer_reminder", ""),
    "overdue": ("customer_overdue", ""),
    "renewed": ("customer_renewed", ""),
    "switched_off": ("customer_switched_off", ""),
    "line_error": ("", "system_error"),
    "credits": ("", "credits_purchased"),
    "service": ("", "service_payment"),
    "unassigned": ("", "system_error"),
    "reversed": ("", "system_error"),
    "unmatched": ("", "unmatched_payment"),
    "conflict": ("", "conflicting_payment"),
    "receipt_digest": ("", "receipt_digest"),
    "part_receipt_digest": ("", "receipt_digest"),
    "account_receipt_digest": ("", "receipt_digest"),
    "reconnection_digest": ("", "reconnection_digest"),
    "unmatched_digest": ("", "unmatched_digest"),
    "conflict_digest": ("", "conflict_digest"),
    "line_digest": ("", "line_digest"),
    "part_payment_digest": ("customer_partial_digest", ""),
    "unreadable_digest": ("", "unreadable_digest"),
}


def compose(
    trans_id: str,
    notice: Notice,
    variant: Variant | None,
    router_name: str = "",
    language: Language = Language.ENGLISH,
) -> list[Message]:
    """The messages of a notice as things stand; a router without a name is called by its id.

    `language`: the customer's; staff are told in English.
    """
    facts = notice.facts | ({"router": router_name or str(notice.router_id)} if notice.router_id else {})
    if variant:
        customer_template, reconnection = _KEPT_OFF if _is_kept_off(notice, variant) else _CUSTOMER_PAYMENT[variant]
        staff_template, staff_facts = "payment_notice", facts | {"reconnection": reconnection}
    else:
        customer_template, staff_template = _OTHER_EVENTS[notice.event.partition(":")[0]]
        staff_facts = facts
    messages = [
        Message(f"{trans_id}.{notice.event}.{role}", phone, staff_template, staff_facts)
        for role, phone in _staff(notice)
    ]
    if customer_template and notice.customer:
        id_ = f"{trans_id}.{notice.event}.customer"
        messages.insert(0, _translated(Message(id_, notice.customer, customer_template, facts), language))
    return messages


def _is_kept_off(notice: Notice, variant: Variant) -> bool:
    """A line that is on record, and was not to be switched.

    Not a variant: a billing of the release before, beside this one or after it, could not read tasks that have it.
    """
    return variant is Variant.NO_LINE and notice.router_id is not None and notice.facts["username"] != "-"


def of_task(
    task_id: int, trans_id: str, notice: Notice, variant: Variant | None, router_name: str, language: Language
) -> list[Message]:
    """The messages of a task. Those of a digest belong to no payment: its task names them."""
    return compose(trans_id or f"task-{task_id}", notice, variant, router_name, language)


def _translated(message: Message, language: Language) -> Message:
    if language is Language.ENGLISH or message.template == AS_WRITTEN:
        return message
    facts = message.facts
    if "due_date" in facts:
        words = facts["due_date"].split(" ")
        facts = facts | {"due_date": " ".join(_KISWAHILI_MONTHS.get(word, word) for word in words)}
    return replace(message, template=f"{message.template}_{language}", facts=facts)


def _staff(notice: Notice) -> Iterator[tuple[str, str]]:
    """Roles and numbers, each number once however it is written: its last nine digits tell it."""
    roles = [("isp", notice.isp), *((f"admin{n}", phone) for n, phone in enumerate(notice.admins, 1))]
    seen: set[str] = set()
    for role, phone in roles:
        if phone and phone[-9:] not in seen:
            seen.add(phone[-9:])
            yield role, phone
