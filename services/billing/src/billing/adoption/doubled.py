"""Rows that are there twice and may be there once: what is in them is added up, and the later ones are set aside.

A row that is set aside is copied to a table beside first, and whatever refers to it is made to refer to the one that
stays; see references.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from servicekit.schema import tables
from servicekit.schema.adoption import foreign_keys_unchecked
from servicekit.schema.findings import Findings
from servicekit.schema.rights import Rights
from servicekit.schema.snapshot import Schema
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from billing.adoption import references
from billing.adoption.predecessor import compared
from billing.adoption.references import Repointing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OncePerKey:
    """A table that may have one row for each value of a column; `sums` are added up in the row that stays."""

    table: str
    column: str
    sums: Sequence[str] = ()

    @property
    def key(self) -> str:
        """What is compared. SQL."""
        return _TRANS_KEY if self.column == "TransID" else self.column

    @property
    def beside(self) -> str:
        """The table for the rows that are set aside."""
        return f"{self.table}_doubled"


_TRANS_KEY = f"NULLIF({compared('CONVERT(TransID USING utf8mb4)')} COLLATE utf8mb4_bin, '')"
ONCE = (
    OncePerKey("isp_wallet", "isp_id", ("balance",)),
    OncePerKey("isp_credits", "isp_id", ("sms_credits", "whatsapp_credits")),
    OncePerKey("paybill_payments", "TransID"),
)

# The ids of rows that go, each with the id of the one that stays.
Pairs = Mapping[int, int]


def look(connection: Connection, schema: Schema, rights: Rights, once: OncePerKey) -> Findings:
    """How many rows will be set aside, and what keeps them from it."""
    number = _count(connection, once)
    if not number:
        return Findings()
    added = f", with what is in them added to the first ({', '.join(once.sums)})" if once.sums else ""
    words = f"{once.table}: {number} rows whose {once.column} another row has move to {once.beside}{added}"
    return Findings(list(_obstacles(connection, schema, rights, once)), changes=[words])


def _obstacles(connection: Connection, schema: Schema, rights: Rights, once: OncePerKey) -> Iterator[str]:
    there = schema.tables[once.table]
    if there.delete_triggers:
        names = ", ".join(there.delete_triggers)
        yield (
            f"{once.table} has doubled rows, which are set aside, and a trigger that would run as they go ({names})."
            " Drop the trigger, and create it again after the migration"
        )
    pairs = _find(connection, once) if "id" in there.columns else {}
    known = list(references.repointings(connection, schema, once.table, pairs))
    found = [words for one in known for words in references.obstacles(connection, schema, rights, one)]
    yield from found
    may_try = there.engine == tables.TRANSACTIONAL and not rights.missing(schema.name, "*", ["UPDATE"])
    if not found and may_try and _unseen_refer(connection, once, pairs, known):
        yield (
            f"{once.table} has doubled rows, which are set aside, and a table that the database's user cannot see"
            " refers to them, in another schema. Run the migration as a user with rights on all schemas"
        )


def _unseen_refer(connection: Connection, once: OncePerKey, pairs: Pairs, known: Iterable[Repointing]) -> bool:
    """Whether a foreign key that is not known refers to rows that go: it keeps their ids. What is tried is undone."""
    try:
        for repointing in known:
            references.repoint(connection, repointing)
        for gone in pairs:
            for now, then in ((gone, 0), (0, gone)):
                update = sa.text(f"UPDATE {once.table} SET id = :then WHERE id = :now")  # noqa: S608
                connection.execute(update, {"now": now, "then": then})
    except IntegrityError:
        return True
    finally:
        connection.rollback()
    return False


def _count(connection: Connection, once: OncePerKey) -> int:
    query = f"SELECT COUNT({once.key}) - COUNT(DISTINCT {once.key}) FROM {once.table}"  # noqa: S608
    return int(connection.execute(sa.text(query)).scalar_one())


def _find(connection: Connection, once: OncePerKey) -> Pairs:
    query = sa.text(
        "SELECT id, stays FROM"  # noqa: S608
        f" (SELECT id, MIN(id) OVER (PARTITION BY {once.key}) AS stays FROM {once.table} WHERE {once.key} IS NOT NULL)"
        " AS every WHERE id <> stays ORDER BY id"
    )
    return {row.id: row.stays for row in connection.execute(query)}


def set_aside(connection: Connection, schema: Schema, once: OncePerKey) -> None:
    """Leave one row for each key, and no sum that is NULL. In one piece: an ALTER would commit half of it."""
    if pairs := _find(connection, once):
        if once.beside not in schema.tables:
            connection.execute(sa.text(f"CREATE TABLE {once.beside} LIKE {once.table}"))
        if once.sums:
            _add_up(connection, once, pairs)
        for repointing in references.repointings(connection, schema, once.table, pairs):
            references.repoint(connection, repointing)
        _move(connection, schema, once, pairs)
        log.warning("doubled_rows_set_aside", table=once.table, kept_in=once.beside, rows=len(pairs))
    for name in once.sums:
        connection.execute(sa.text(f"UPDATE {once.table} SET {name} = 0 WHERE {name} IS NULL"))  # noqa: S608
    connection.commit()


def _add_up(connection: Connection, once: OncePerKey, pairs: Pairs) -> None:
    for stays in sorted(set(pairs.values())):
        ids = [stays, *(gone for gone, other in pairs.items() if other == stays)]
        bound: sa.BindParameter[int] = sa.bindparam("ids", ids, expanding=True)
        columns = ", ".join(f"SUM(COALESCE({name}, 0)) AS {name}" for name in once.sums)
        query = sa.text(f"SELECT {columns} FROM {once.table} WHERE id IN :ids").bindparams(bound)  # noqa: S608
        sums = dict(connection.execute(query).mappings().one())
        settings = ", ".join(f"{name} = :{name}" for name in once.sums)
        update = sa.text(f"UPDATE {once.table} SET {settings} WHERE id = :id")  # noqa: S608
        connection.execute(update, {"id": stays, **sums})
        told = {name: str(sum_) for name, sum_ in sums.items()}
        log.warning("rows_merged", table=once.table, id=stays, rows=len(ids), **told)


def _move(connection: Connection, schema: Schema, once: OncePerKey, pairs: Pairs) -> None:
    there = schema.tables[once.table].columns
    beside = schema.tables[once.beside].columns if once.beside in schema.tables else there
    names = ", ".join(f"`{old.name}`" for name, old in there.items() if name in beside and not old.generated)
    ids: sa.BindParameter[int] = sa.bindparam("ids", list(pairs), expanding=True)
    copy = f"INSERT INTO {once.beside} ({names}) SELECT {names} FROM {once.table} WHERE id IN :ids"  # noqa: S608
    connection.execute(sa.text(copy).bindparams(ids))
    # All that refers to them refers to others now, except by a value that the row that stays has as well.
    with foreign_keys_unchecked(connection):
        connection.execute(sa.text(f"DELETE FROM {once.table} WHERE id IN :ids").bindparams(ids))  # noqa: S608
