"""What a caller wants sent, and what it becomes: a message that can go, or the reason why it cannot. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from notify.messages import phones, segments, templates

TEXT_LENGTH = 1000
NAME_LENGTH = 100


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
class Composed:
    """A message as it would go out. `fault` is empty when it can, else one sentence that says why not."""

    phone: str
    text: str
    segments: int
    fault: str


def compose(draft: Draft) -> Composed:
    """Normalise the number and make the text. What is at fault is kept as given, as far as it can be stored."""
    faults = [draft.fault]
    phone, text = draft.phone[:NAME_LENGTH], (draft.text or "")[:TEXT_LENGTH]
    if len(draft.subject) > NAME_LENGTH:
        faults.append(f"subject: longer than {NAME_LENGTH} characters")
    try:
        phone = phones.normalise(draft.phone)
    except phones.NotAMobileNumber as error:
        faults.append(f"phone: {error}")
    try:
        text = segments.simplify(_text(draft))
    except (UnusableText, templates.UnknownTemplate, templates.MissingFacts) as error:
        faults.append(f"{'template' if draft.template else 'text'}: {error}")
    return Composed(phone, text, segments.count(text), "; ".join(filter(None, faults)))


def _text(draft: Draft) -> str:
    if draft.template:
        return templates.find(draft.template).render(draft.facts)
    text = draft.text or ""
    if not text.strip():
        raise UnusableText("neither a text nor a template")
    if len(text) > TEXT_LENGTH:
        raise UnusableText(f"longer than {TEXT_LENGTH} characters")
    return text
