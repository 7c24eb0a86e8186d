"""Accepting messages and showing them. Sends nothing."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
import structlog
from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.rpc.errors import BatchTooLarge

from notify.messages import store
from notify.messages.errors import InvalidMessage, InvalidMessageId, MessageNotFound
from notify.messages.rules import Draft, MessageState, NewMessage, compose
from notify.messages.store import Message

MAX_BATCH = 1000
_MESSAGE_ID = re.compile(r"[ -~]{1,100}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a message is held; `repeated` when it was before this call, or stands twice in it."""

    message_id: str
    state: MessageState
    detail: str
    repeated: bool


def accept(
    engine: sa.Engine, wake: Callable[[], None], drafts: Sequence[Draft], *, keep_invalid: bool = False
) -> list[Receipt]:
    """Hold all messages durably; those held already stay as they are. `wake` is called when there may be some to send.

    One that cannot go raises InvalidMessage and nothing is held; with `keep_invalid` it is held as FAILED.

    Answers one receipt for each draft, in their order. It may raise when all are held: then all may be sent again.
    """
    _check_batch(drafts)
    composed = [compose(draft) for draft in drafts]
    if not keep_invalid:
        _check(composed)
    new = {message.message_id: message for message in reversed(composed)}  # the first of a doubled id stays
    receipts = transact(engine, lambda connection: _hold(connection, new))
    wake()
    _tell(receipts.values(), new)
    return list(_in_order(drafts, receipts))


def _hold(connection: sa.Connection, new: Mapping[str, NewMessage]) -> dict[str, Receipt]:
    held = store.find(connection, new.keys())
    # In one order everywhere, so that two calls with the same ids do not lock each other out.
    missing = [new[message_id] for message_id in sorted(new.keys() - held.keys())]
    store.insert(connection, missing, current_time(connection))
    return {
        **{one.message_id: Receipt(one.message_id, one.state, one.detail, repeated=True) for one in held.values()},
        **{one.message_id: Receipt(one.message_id, one.state, one.detail, repeated=False) for one in missing},
    }


def _check(composed: Sequence[NewMessage]) -> None:
    for index, message in enumerate(composed):
        if message.fault:
            raise InvalidMessage(f"messages[{index}]: {message.detail}", reason=message.fault)


def _check_batch(drafts: Sequence[Draft]) -> None:
    if not 1 <= len(drafts) <= MAX_BATCH:
        raise BatchTooLarge(f"1 to {MAX_BATCH} messages, not {len(drafts)}")
    for index, draft in enumerate(drafts):
        if not _MESSAGE_ID.fullmatch(draft.message_id):
            raise InvalidMessageId(f"messages[{index}].message_id is not 1 to 100 printable ASCII characters")


def _in_order(drafts: Sequence[Draft], receipts: Mapping[str, Receipt]) -> Iterator[Receipt]:
    seen = set()
    for draft in drafts:
        receipt = receipts[draft.message_id]
        yield replace(receipt, repeated=True) if draft.message_id in seen else receipt
        seen.add(draft.message_id)


def _tell(receipts: Collection[Receipt], composed: Mapping[str, NewMessage]) -> None:
    new = [receipt for receipt in receipts if not receipt.repeated]
    failed = [receipt for receipt in new if receipt.state is MessageState.FAILED]
    repeated = len(receipts) - len(new)
    log.info("messages_accepted", messages=len(new) - len(failed), failed=len(failed), repeated=repeated)
    log.debug("messages_held", message_ids=", ".join(receipt.message_id for receipt in new))
    for receipt in failed:
        about = composed[receipt.message_id].subject
        log.warning("message_failed", trans_id=about, message_id=receipt.message_id, detail=receipt.detail)


def get(engine: sa.Engine, message_id: str) -> Message:
    """The message with this id."""
    found = transact(engine, lambda connection: store.find(connection, [message_id]))
    if message_id not in found:
        raise MessageNotFound("no message has this id")
    return found[message_id]
