"""What a caller wants sent, and what it becomes: a message that can go, or the reason why it cannot. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from servicekit.phones import NotAMobileNumber

from notify.messages import phones, templates
from servicekit import segments

MAX_TEXT = 1000
MAX_NAME = 100
LIFETIME = timedelta(days=1)
# MySQL holds no moment before the year 1000; whatever lies before this one has passed anyway.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MessageState(StrEnum):
    """How far a message got; the names are the contract's."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"


class Fault(StrEnum):
    """Why a message cannot go; the names are the contract's reasons."""

    INVALID_PHONE = "INVALID_PHONE"
    INVALID_TEXT = "INVALID_TEXT"
    UNKNOWN_TEMPLATE = "UNKNOWN_TEMPLATE"
    MISSING_FACTS = "MISSING_FACTS"
    INVALID_SUBJECT = "INVALID_SUBJECT"
    INVALID_EXPIRE_TIME = "INVALID_EXPIRE_TIME"


class UnusableText(ValueError):
    """There is no text, or too much of it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as the caller gave it: `text`, or a template's name and facts.

    `expire_time_fault`: why its expire_time cannot be read.
    """

    message_id: str
    phone: str
    text: str | None = None
    template: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""
    expire_time: datetime | None = None
    expire_time_fault: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be held. One that cannot go has a `fault` and is FAILED, and `detail` says why; else it is QUEUED.

    `expire_time` None: LIFETIME from when it is held.
    """

    message_id: str
    phone: str
    text: str
    segments: int
    template: str
    subject: str
    state: MessageState
    detail: str
    expire_time: datetime | None
    fault: Fault | None = None


def compose(draft: Draft) -> NewMessage:
    """Normalise the number and make the text. What is at fault is kept as given, as far as it can be stored."""
    faults: dict[Fault, str] = {}
    phone, text = draft.phone[:MAX_NAME], (draft.text or "")[:MAX_TEXT]
    try:
        phone = phones.normalise(draft.phone)
    except NotAMobileNumber as error:
        faults[Fault.INVALID_PHONE] = f"phone: {error}"
    try:
        text = segments.simplify(_text(draft))
    except (UnusableText, templates.UnknownTemplate, templates.MissingFacts) as error:
        faults[_FAULTS[type(error)]] = f"{'template' if draft.template else 'text'}: {error}"
    if len(draft.subject) > MAX_NAME:
        faults[Fault.INVALID_SUBJECT] = f"subject: longer than {MAX_NAME} characters"
    if draft.expire_time_fault:
        faults[Fault.INVALID_EXPIRE_TIME] = f"expire_time: {draft.expire_time_fault}"
    return NewMessage(
        message_id=draft.message_id,
        phone=phone,
        text=text,
        segments=segments.count(text),
        template=draft.template[:MAX_NAME],
        subject=draft.subject[:MAX_NAME],
        state=MessageState.FAILED if faults else MessageState.QUEUED,
        detail="; ".join(faults.values())[:500],
        expire_time=draft.expire_time and max(draft.expire_time, _LONG_AGO),
        fault=next(iter(faults), None),
    )


_FAULTS: dict[type[ValueError], Fault] = {
    UnusableText: Fault.INVALID_TEXT,
    templates.UnknownTemplate: Fault.UNKNOWN_TEMPLATE,
    templates.MissingFacts: Fault.MISSING_FACTS,
}


def _text(draft: Draft) -> str:
    if draft.template:
        return templates.find(draft.template).render(draft.facts)
    text = draft.text or ""
    if not text.strip():
        raise UnusableText("neither a text nor a template")
    if len(text) > MAX_TEXT:
        raise UnusableText(f"longer than {MAX_TEXT} characters")
    return text
