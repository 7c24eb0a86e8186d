"""Accepting messages and showing them. Sends nothing."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from servicekit.database import current_time, transact
from servicekit.errors import BatchTooLarge, InvalidArgument, InvalidPageToken, NotFound

from notify.messages import store
from notify.messages.rules import NAME_LENGTH, Draft, compose
from notify.sending.outbox import Claimed, Outbox
from notify.sending.rules import State

BATCH = 1000
LIFETIME = timedelta(days=1)
# MySQL holds no moment before the year 1000; whatever lies before this one has passed anyway.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_MESSAGE_ID = re.compile(r"[ -~]{1,100}")
_PAGE_SIZE = 50
_MAX_PAGE = 500
_CLAIMED = [field.name for field in fields(Claimed) if field.name != "id"]

Row = Mapping[str, Any]
Rows = Mapping[str, Row]

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


def accept(engine: sa.Engine, outbox: Outbox, drafts: Sequence[Draft]) -> list[Receipt]:
    """Hold all messages durably; those held already stay as they are. What `outbox` has room for it gets at once.

    Answers one receipt for each draft, in their order. It may raise when some are held: then all may be sent again.
    """
    _check(drafts)
    rows = {draft.message_id: _row(draft) for draft in reversed(drafts)}  # the first of a doubled id stays
    # In one order everywhere, so that two calls with the same ids do not lock each other out.
    left = sorted(rows)
    receipts: dict[str, Receipt] = {}
    while left:
        taken = outbox.take(len(left))
        lot, left = (left[:taken], left[taken:]) if taken else (left, [])
        receipts |= _hold(engine, {message_id: rows[message_id] for message_id in lot}, outbox, taken)
    return list(_in_order(drafts, receipts))


def _hold(engine: sa.Engine, rows: Rows, outbox: Outbox, taken: int) -> dict[str, Receipt]:
    """Hold these messages in one transaction and let the outbox have them, as SENDING if it has room for them."""
    runs = _Runs(rows, outbox.claim if taken else None)
    claimed: list[Claimed] = []
    try:
        receipts, claimed = transact(engine, runs.run)
    finally:
        outbox.begin(claimed, taken)
        outbox.unsure(runs.claimed_besides(claimed))
    outbox.queued(sum(receipt.state is State.QUEUED and not receipt.repeated for receipt in receipts.values()))
    _tell(receipts.values())
    return receipts


class _Runs:
    """Stores messages, as SENDING where there is a `claim`; knows what it did when its transaction runs again."""

    def __init__(self, rows: Rows, claim: timedelta | None) -> None:
        self._rows = rows
        self._claim = claim
        self._runs = 0
        self._claimed: dict[str, Claimed] = {}

    def run(self, connection: sa.Connection) -> tuple[dict[str, Receipt], list[Claimed]]:
        # Mostly all are new, so the first run does not look: the unique key says when they are not, and the transaction
        # runs again. So does one whose message another call brings at once.
        held = store.held(connection, self._rows.keys()) if self._runs else []
        self._runs += 1
        receipts = {row.message_id: Receipt(row.message_id, State(row.state), row.detail, True) for row in held}
        new = self._insert(connection, [row for message_id, row in self._rows.items() if message_id not in receipts])
        receipts |= {row["message_id"]: _receipt(row) for row in new}
        return receipts, self._note_claimed(connection, [row for row in new if row["state"] is State.SENDING])

    def claimed_besides(self, claimed: Collection[Claimed]) -> list[Claimed]:
        """Those of earlier runs, or of the last if it failed: a COMMIT whose answer was lost may have counted."""
        known = {message.message_id for message in claimed}
        return [message for message in self._claimed.values() if message.message_id not in known]

    def _insert(self, connection: sa.Connection, rows: Sequence[Row]) -> Sequence[Row]:
        now = current_time(connection)
        timed = [_timed(row, now, self._claim) for row in rows]
        store.insert(connection, timed)
        return timed

    def _note_claimed(self, connection: sa.Connection, rows: Sequence[Row]) -> list[Claimed]:
        ids = store.ids(connection, [row["message_id"] for row in rows]) if rows else {}
        claimed = {row["message_id"]: _claimed(ids[row["message_id"]], row) for row in rows}
        self._claimed |= claimed
        return list(claimed.values())


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
        "fencing_token": 0,
        "expire_time": draft.expire_time,
    }


def _timed(row: Row, now: datetime, claim: timedelta | None) -> dict[str, Any]:
    """The message as it is stored: SENDING where there is a `claim`, unless it cannot go or its time is over."""
    expire_time = now + LIFETIME if row["expire_time"] is None else max(row["expire_time"], _LONG_AGO)
    times = {"expire_time": expire_time, "due_time": now, "create_time": now, "update_time": now}
    if claim is None or row["state"] is State.FAILED or expire_time <= now:
        return {**row, **times}
    return {**row, **times, "state": State.SENDING, "due_time": now + claim, "attempts": 1, "fencing_token": 1}


def _claimed(row_id: int, row: Row) -> Claimed:
    return Claimed(row_id, **{name: row[name] for name in _CLAIMED})


def _receipt(row: Mapping[str, Any]) -> Receipt:
    return Receipt(row["message_id"], row["state"], row["detail"], False)


def _in_order(drafts: Sequence[Draft], receipts: dict[str, Receipt]) -> Any:
    seen = set()
    for draft in drafts:
        receipt = receipts[draft.message_id]
        yield Receipt(receipt.message_id, receipt.state, receipt.detail, receipt.repeated or draft.message_id in seen)
        seen.add(draft.message_id)


def _tell(receipts: Collection[Receipt]) -> None:
    new = [receipt for receipt in receipts if not receipt.repeated]
    failed = [receipt for receipt in new if receipt.state is State.FAILED]
    repeated = len(receipts) - len(new)
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
    wanted = min(size, _MAX_PAGE) if size > 0 else _PAGE_SIZE
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
