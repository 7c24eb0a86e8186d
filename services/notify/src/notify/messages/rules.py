"""What a caller wants sent, and what it becomes: a message that can go, or the reason why it cannot. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from notify.messages import phones, segments, templates

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


class UnusableText(ValueError):
    """There is no text, or too much of it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as the caller gave it: `text`, or a template's name and facts. `fault`: why it cannot be read."""

    message_id: str
    phone: str
    text: str | None = None
    template: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""
    expire_time: datetime | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be held. One that cannot go is FAILED, and `detail` says why; else it is QUEUED.

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


def compose(draft: Draft) -> NewMessage:
    """Normalise the number and make the text. What is at fault is kept as given, as far as it can be stored."""
    faults = [draft.fault]
    phone, text = draft.phone[:MAX_NAME], (draft.text or "")[:MAX_TEXT]
    if len(draft.subject) > MAX_NAME:
        faults.append(f"subject: longer than {MAX_NAME} characters")
    try:
        phone = phones.normalise(draft.phone)
    except phones.NotAMobileNumber as error:
        faults.append(f"phone: {error}")
    try:
        text = segments.simplify(_text(draft))
    except (UnusableText, templates.UnknownTemplate, templates.MissingFacts) as error:
        faults.append(f"{'template' if draft.template else 'text'}: {error}")
    fault = "; ".join(filter(None, faults))
    return NewMessage(
        message_id=draft.message_id,
        phone=phone,
        text=text,
        segments=segments.count(text),
        template=draft.template[:MAX_NAME],
        subject=draft.subject[:MAX_NAME],
        state=MessageState.FAILED if fault else MessageState.QUEUED,
        detail=fault[:500],
        expire_time=draft.expire_time and max(draft.expire_time, _LONG_AGO),
    )


def _text(draft: Draft) -> str:
    if draft.template:
        return templates.find(draft.template).render(draft.facts)
    text = draft.text or ""
    if not text.strip():
        raise UnusableText("neither a text nor a template")
    if len(text) > MAX_TEXT:
        raise UnusableText(f"longer than {MAX_TEXT} characters")
    return text
