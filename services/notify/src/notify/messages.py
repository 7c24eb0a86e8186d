"""Accepting messages and showing them. Sends nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
import structlog
from servicekit.database import current_time, transact
from servicekit.errors import BatchTooLarge, InvalidArgument, InvalidPageToken, NotFound

from notify import store
from notify.drafts import NAME_LENGTH, Draft, compose
from notify.states import State

BATCH = 1000
LIFETIME = timedelta(days=1)
# MySQL holds no moment before the year 1000; whatever lies before this one has passed anyway.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MESSAGE_ID = re.compile(r"[ -~]{1,100}")
_PAGE_SIZE = 50
_LARGEST_PAGE = 500

log = structlog.get_logger()


class InvalidMessageId(InvalidArgument):
    """A message_id that is empty, too long, or not printable ASCII."""

    reason = "INVALID_MESSAGE_ID"


class MessageNotFound(NotFound):
    """No message has this id."""

    reason = "MESSAGE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message is held; `repeated` when it was before this call, or stands twice in it."""

    message_id: str
    state: State
    detail: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Messages as rows of the table, newest first, and the token of the next page, empty on the last."""

    messages: Sequence[sa.Row[Any]]
    next_token: str


def accept(engine: sa.Engine, drafts: Sequence[Draft]) -> list[Receipt]:
    """Hold all messages durably, in one transaction; those held already stay as they are.

    Answers one receipt for each draft, in their order. A call with an id that is held already, or that another call
    brings at once: its insert meets a doubled key, its transaction runs again, and then it finds the other's message.
    """
    _check(drafts)
    rows = {draft.message_id: _row(draft) for draft in reversed(drafts)}  # the first of a doubled id stays
    runs = count()

    def hold(connection: sa.Connection) -> tuple[dict[str, Receipt], list[str]]:
        # Mostly all are new, so the first run does not look: the unique key says when they are not, and the transaction
        # runs again.
        held = store.held(connection, rows.keys()) if next(runs) else []
        known = {row.message_id: Receipt(row.message_id, State(row.state), row.detail, True) for row in held}
        # In one order everywhere, so that two calls with the same ids do not lock each other out.
        new = sorted(rows.keys() - known.keys())
        if new:
            now = current_time(connection)
            store.insert(connection, [_timed(rows[message_id], now) for message_id in new])
        return known | {message_id: _receipt(rows[message_id]) for message_id in new}, new

    receipts, new = transact(engine, hold)
    _tell([receipts[message_id] for message_id in new], repeated=len(rows) - len(new))
    return list(_in_order(drafts, receipts))


def _check(drafts: Sequence[Draft]) -> None:
    if not 1 <= len(drafts) <= BATCH:
        raise BatchTooLarge(f"1 to {BATCH} messages, not {len(drafts)}")
    for index, draft in enumerate(drafts):
        if not _MESSAGE_ID.fullmatch(draft.message_id):
            raise InvalidMessageId(f"messages[{index}].message_id is not 1 to 100 printable ASCII characters")


def _row(draft: Draft) -> dict[str, Any]:
    composed = compose(draft)
    return {
        "message_id": draft.message_id,
        "phone": composed.phone,
        "text": composed.text,
        "segments": composed.segments,
        "template": draft.template[:NAME_LENGTH],
        "subject": draft.subject[:NAME_LENGTH],
        "state": State.FAILED if composed.fault else State.QUEUED,
        "detail": composed.fault[:500],
        "provider_message_id": "",
        "attempts": 0,
        "doubts": 0,
        "epoch": 0,
        "expire_time": draft.expire_time,
    }


def _timed(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    expire_time = now + LIFETIME if row["expire_time"] is None else max(row["expire_time"], _LONG_AGO)
    return {**row, "expire_time": expire_time, "due_time": now, "create_time": now, "update_time": now}


def _receipt(row: Mapping[str, Any]) -> Receipt:
    return Receipt(row["message_id"], row["state"], row["detail"], False)


def _in_order(drafts: Sequence[Draft], receipts: dict[str, Receipt]) -> Any:
    seen = set()
    for draft in drafts:
        receipt = receipts[draft.message_id]
        yield Receipt(receipt.message_id, receipt.state, receipt.detail, receipt.repeated or draft.message_id in seen)
        seen.add(draft.message_id)


def _tell(new: Sequence[Receipt], repeated: int) -> None:
    failed = [receipt for receipt in new if receipt.state is State.FAILED]
    log.info("messages_accepted", messages=len(new) - len(failed), failed=len(failed), repeated=repeated)
    log.debug("messages_held", message_ids=", ".join(receipt.message_id for receipt in new))
    for receipt in failed:
        log.warning("message_failed", message_id=receipt.message_id, detail=receipt.detail)


def get(engine: sa.Engine, message_id: str) -> sa.Row[Any]:
    """The message with this id."""
    found = transact(engine, lambda connection: store.find(connection, [message_id]))
    if message_id not in found:
        raise MessageNotFound("no message has this id")
    return found[message_id]


def list_page(engine: sa.Engine, *, subject: str, state: str, size: int, token: str) -> Page:
    """A page of messages; an empty subject, state or token asks for all, a size below 1 for the usual one."""
    wanted = min(size, _LARGEST_PAGE) if size > 0 else _PAGE_SIZE
    before = _read_token(token)
    found = transact(
        engine,
        lambda connection: store.page(connection, subject=subject, state=state, before=before, size=wanted + 1),
    )
    more = len(found) > wanted
    return Page(found[:wanted], str(found[wanted - 1].id) if more else "")


def _read_token(token: str) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidPageToken("not a page token of ours")
    return int(token)
