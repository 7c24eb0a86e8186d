"""Shows messages and counts them. Deletes old ones; changes nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.retention import Bite, check_age
from servicekit.rpc.errors import BatchTooLarge, InvalidPageToken

from notify.lookup import store
from notify.lookup.store import StateCount
from notify.messages.store import Message
from servicekit import phones

_PAGE_SIZE = 50
_MAX_PAGE = 500
_MOST_SUBJECTS = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and the token of the next page, empty on the last."""

    messages: Sequence[Message]
    next_token: str


def list_page(engine: sa.Engine, *, subject: str, state: str, size: int, token: str, phone: str = "") -> Page:
    """A page of messages; an empty subject, phone, state or token asks for all, a size below 1 for the usual one."""
    wanted = min(size, _MAX_PAGE) if size > 0 else _PAGE_SIZE
    asked = {"subject": subject, "phone": _as_held(phone), "state": state}
    before = _read_token(token)
    found = transact(engine, lambda connection: store.page(connection, **asked, before=before, size=wanted + 1))
    more = len(found) > wanted
    return Page(found[:wanted], str(found[wanted - 1].id) if more else "")


def purge(engine: sa.Engine, before: datetime, token: str, asked: int) -> Bite:
    """Delete what is old of the next messages. Raises InvalidRetention, InvalidPageToken."""
    after_id = _read_token(token) or 0

    def work(connection: sa.Connection) -> Bite:
        check_age(before, current_time(connection))
        return store.purge(connection, before, after_id, asked)

    return transact(engine, work)


def erase(engine: sa.Engine, subjects: Sequence[str], phone: str) -> int:
    """Delete the messages that ended about these subjects, and to this number. Raises BatchTooLarge."""
    if len(subjects) > _MOST_SUBJECTS:
        raise BatchTooLarge(f"at most {_MOST_SUBJECTS} subjects, not {len(subjects)}")
    return transact(engine, lambda connection: store.erase(connection, subjects, _as_held(phone)))


def count(engine: sa.Engine, ended_since: datetime | None) -> Sequence[StateCount]:
    """What is due, and what ended without being sent since then."""
    return transact(engine, lambda connection: store.count(connection, ended_since))


def _as_held(phone: str) -> str:
    """A number in any spelling as messages hold it; what is none they hold as it was given."""
    try:
        return phones.normalise(phone)
    except phones.NotAMobileNumber:
        return phone


def _read_token(token: str) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidPageToken("not a page token of ours")
    return int(token)
