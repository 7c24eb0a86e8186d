"""Every query of notify. Runs inside the caller's transaction and never commits."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.writes import together

from notify.schema import messages
from notify.sending.rules import State

# These are made once: making one anew costs more than the database takes to carry it out.
_columns = messages.c
_FIND = sa.select(messages).where(_columns.message_id.in_(sa.bindparam("message_ids", expanding=True)))
_IDS: sa.Select[Any] = _FIND.with_only_columns(_columns.message_id, _columns.id)
_HELD: sa.Select[Any] = _FIND.with_only_columns(_columns.message_id, _columns.state, _columns.detail)
# Those that another transaction holds are passed over: that one deals with them.
_DUE: sa.Select[Any] = (
    sa.select(
        _columns.id,
        _columns.message_id,
        _columns.phone,
        _columns.text,
        _columns.template,
        _columns.detail,
        _columns.provider_message_id,
        _columns.attempts,
        _columns.doubts,
        _columns.fencing_token,
        _columns.expire_time,
    )
    .where(_columns.state == sa.bindparam("wanted"), _columns.due_time <= sa.bindparam("now"))
    .order_by(_columns.due_time, _columns.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)


def find(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, sa.Row[Any]]:
    """The messages with these ids, by id."""
    return {row.message_id: row for row in connection.execute(_FIND, {"message_ids": list(message_ids)})}


def held(connection: sa.Connection, message_ids: Collection[str]) -> Sequence[sa.Row[Any]]:
    """The id, state and detail of those of these messages that there are."""
    return connection.execute(_HELD, {"message_ids": list(message_ids)}).all()


def ids(connection: sa.Connection, message_ids: Collection[str]) -> dict[str, int]:
    """The rows' own ids of these messages."""
    return dict(map(tuple, connection.execute(_IDS, {"message_ids": message_ids})))


def insert(connection: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Add messages."""
    with together(connection) as writes:
        writes.insert(messages, rows)


def page(
    connection: sa.Connection, *, subject: str, state: str, before: int | None, size: int
) -> Sequence[sa.Row[Any]]:
    """At most `size` messages, newest first; `before` is the id that the page before ended with."""
    query = sa.select(messages).order_by(_columns.id.desc()).limit(size)
    if subject:
        query = query.where(_columns.subject == subject)
    if state:
        query = query.where(_columns.state == state)
    if before is not None:
        query = query.where(_columns.id < before)
    return connection.execute(query).all()


def due(connection: sa.Connection, state: State, now: datetime, limit: int) -> Sequence[sa.Row[Any]]:
    """At most `limit` messages of a state whose due time has come, oldest first, locked."""
    return connection.execute(_DUE, {"wanted": state, "now": now, "most": limit}).all()


def claim(connection: sa.Connection, ids: Collection[int], now: datetime, until: datetime) -> None:
    """Mark messages as being sent, by us, `until` then."""
    values = {"state": State.SENDING, "due_time": until, "update_time": now}
    place = _place(connection)
    changes = ", ".join(f"{name} = {place}" for name in values)
    counted = "fencing_token = fencing_token + 1, attempts = attempts + 1"
    statement = f"UPDATE messages SET {counted}, {changes} WHERE id IN ({_listed(ids)})"  # noqa: S608
    connection.exec_driver_sql(statement, tuple(_bound(connection, values)))


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a message, made only while `fencing_token` is its newest; with `only_sending` only while SENDING."""

    row_id: int
    fencing_token: int
    values: Mapping[str, Any]
    provider_message_id: str = ""
    only_sending: bool = False


def move(connection: sa.Connection, moves: Sequence[Move]) -> int:
    """Make changes; answers how many messages stay as they are, because someone else has dealt with them since.

    One statement for all that differ in the provider's id only: mostly that is all there are.
    """
    alike: dict[tuple[Any, ...], dict[int, str]] = defaultdict(dict)
    for one in sorted(moves, key=lambda one: one.row_id):  # in one order everywhere, against deadlocks
        alike[one.fencing_token, one.only_sending, *one.values.items()][one.row_id] = one.provider_message_id
    moved = sum(
        _move_alike(connection, fencing_token, dict(values), provider_ids, only_sending=only_sending)
        for (fencing_token, only_sending, *values), provider_ids in alike.items()
    )
    return len(moves) - moved


def _move_alike(
    connection: sa.Connection,
    fencing_token: int,
    values: Mapping[str, Any],
    provider_ids: Mapping[int, str],
    *,
    only_sending: bool,
) -> int:
    place = _place(connection)
    branches = " ".join(f"WHEN {row_id:d} THEN {place}" for row_id in provider_ids)
    changes = "".join(f", {name} = {place}" for name in values)
    statement = (
        f"UPDATE messages SET provider_message_id = CASE id {branches} END{changes}"  # noqa: S608
        f" WHERE id IN ({_listed(provider_ids)}) AND fencing_token = {fencing_token:d}"
    )
    given = (*provider_ids.values(), *_bound(connection, values))
    if only_sending:
        statement, given = f"{statement} AND state = {place}", (*given, State.SENDING)
    return connection.exec_driver_sql(statement, given).rowcount


# Updates are written as text: made from expressions with a bound value for each message, a statement costs several
# times what carrying it out does.
def _place(connection: sa.Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _listed(ids: Collection[int]) -> str:
    return ", ".join(f"{one:d}" for one in ids)  # numbers and nothing else: they stand in the statement


def _bound(connection: sa.Connection, values: Mapping[str, Any]) -> Iterator[Any]:
    """The values as the driver takes them."""
    for name, value in values.items():
        convert = _columns[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        yield convert(value) if convert else value
