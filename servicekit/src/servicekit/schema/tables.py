"""What a table that is there needs before we can work on it, or what stands in the way. Pure.

A wanted table says in `info` what its columns do not: `ours` are columns that tell it from a table of somebody else's
with its name; `identity` are columns of which every unique key must have one. A column's `info["null"]`: we may write
NULL there, or leave it out; its `info["words"]`: what we write there, where that is a few words.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Dialect

from servicekit.schema import columns
from servicekit.schema.findings import Change, Question
from servicekit.schema.snapshot import Column, Index, Schema, Table, quoted

TRANSACTIONAL = "InnoDB"
_CONVERTIBLE = {"myisam", "aria", "memory", "archive", "csv", "rocksdb", "tokudb"}
_MAX_KEY = 3072
_MAX_ROW = 65_535
# Formats whose keys end after 767 bytes: 191 characters of utf8mb4.
_SHORT_KEYS = {"compact", "redundant"}
_AS_WE_NEED = f"ENGINE={TRANSACTIONAL}, ROW_FORMAT=DYNAMIC, KEY_BLOCK_SIZE=0"


@dataclass(slots=True)
class Fit:
    """What a table needs: the clauses of one ALTER TABLE, because each may copy the table; and what is in its way.

    `questions` can only be answered by the rows.
    """

    table: str
    changes: list[Change] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def is_somebody_elses(there: Table, ours: Collection[str]) -> str:
    """Why a table that has our table's name is not ours; empty when it is. Without columns of ours, any will do."""
    if there.is_view and ours:
        return (
            f"{there.name} is a view, and we need a table of that name."
            f" Rename the view: RENAME TABLE {there.name} TO {there.name}_view"
        )
    lacking = [name for name in ours if name.lower() not in there.columns]
    if not lacking:
        return ""
    return (
        f"{there.name} is a table of your own (it has no column {', '.join(lacking)}), and we need one of that name."
        f" Rename yours: RENAME TABLE {there.name} TO {there.name}_own"
    )


def fit(schema: Schema, wanted: sa.Table, dialect: Dialect) -> Fit:
    """What an existing table needs to be the wanted one, rows and all."""
    there = schema.tables[wanted.name]
    found = Fit(there.name)
    if reason := is_somebody_elses(there, wanted.info.get("ours", ())):
        found.obstacles.append(reason)
        return found
    _storage(there, found)
    _identity(there, wanted, found, dialect)
    clauses = _existing(schema, there, wanted, found, dialect)
    _missing(there, wanted, found, dialect)
    found.obstacles += [*_others_columns(there, wanted), *_others_keys(there, wanted)]
    found.obstacles += _sizes(there, wanted, clauses)
    found.questions += _what_becomes_one(there, clauses)
    return found


def fit_own(there: Table, ours: Collection[str]) -> Fit:
    """What a table of our own making needs, should it be older than what we say of engines and character sets."""
    found = fit_kept(there, ours)
    if not found.obstacles and any(column.charset not in {None, "utf8mb4"} for column in there.columns.values()):
        clause = f"CONVERT TO CHARACTER SET utf8mb4 COLLATE {columns.EXACT}"
        found.changes.append(Change(clause, "text becomes utf8mb4"))
    return found


def fit_kept(there: Table, ours: Collection[str]) -> Fit:
    """What a table needs whose columns we leave as they are: transactions."""
    found = Fit(there.name)
    if reason := is_somebody_elses(there, ours):
        found.obstacles.append(reason)
    elif not there.is_view:
        _storage(there, found)
    return found


def _storage(there: Table, found: Fit) -> None:
    engine = there.engine.lower()
    if engine == TRANSACTIONAL.lower():
        if there.row_format.lower() in _SHORT_KEYS:
            found.changes.append(Change(_AS_WE_NEED, f"row format {there.row_format} becomes DYNAMIC, for longer keys"))
        return
    if engine not in _CONVERTIBLE:
        found.obstacles.append(
            f"{there.name} is kept by the engine {there.engine or 'of none (run CHECK TABLE on it)'}, which has no"
            f" transactions: make it a table of {TRANSACTIONAL}"
        )
        return
    counted = next((column.name for column in there.columns.values() if column.auto_increment), "")
    if counted and not there.starts_an_index(counted.lower()):
        found.obstacles.append(
            f"{there.name}.{counted} counts within a key that starts with another column, which {TRANSACTIONAL} cannot:"
            f" ALTER TABLE {there.name} ADD KEY ({counted})"
        )
    found.changes.append(Change(_AS_WE_NEED, f"converted from {there.engine} to {TRANSACTIONAL}, for transactions"))


def _identity(there: Table, wanted: sa.Table, found: Fit, dialect: Dialect) -> None:
    """The id: added where it is missing, with a key where it has none. `columns` lets the server number it."""
    (id_,) = wanted.primary_key.columns
    old = there.columns.get(id_.name)
    other = next((c.name for c in there.columns.values() if c.auto_increment and c.name.lower() != id_.name), "")
    if other:
        found.obstacles.append(
            f"{there.name}: the server numbers {other}, and can number only one column of a table, which we need to be"
            f" {id_.name}. Rename it: ALTER TABLE {there.name} RENAME COLUMN {other} TO {id_.name}"
        )
        return
    primary = any(index.name == "PRIMARY" for index in there.indexes)
    key = "UNIQUE KEY" if primary else "PRIMARY KEY"
    if old is None:
        clause = f"ADD COLUMN {id_.name} {id_.type.compile(dialect)} NOT NULL AUTO_INCREMENT, ADD {key} ({id_.name})"
        found.changes.append(Change(clause, f"{id_.name} added"))
    elif not primary or not there.starts_an_index(id_.name):
        found.changes.append(Change(f"ADD {key} (`{old.name}`)", f"{old.name}: a key added"))
        found.questions.append(_doubled_ids(there.name, old.name))


def _doubled_ids(table: str, name: str) -> Question:
    return Question(
        f"SELECT 1 FROM `{table}` GROUP BY `{name}` HAVING COUNT(*) > 1 OR `{name}` IS NULL LIMIT 1",  # noqa: S608
        f"{table}.{name} has no key, and some rows have the same number or none: give each row its own",
    )


def _existing(schema: Schema, there: Table, wanted: sa.Table, found: Fit, dialect: Dialect) -> dict[str, str]:
    """Change the columns that do not fit; answers the clauses by the columns' names in lower case."""
    held = schema.keyed(there.name)
    primary = {name.lower() for index in there.indexes if index.name == "PRIMARY" for name in index.columns}
    clauses = {}
    for column in wanted.columns:
        name = column.name.lower()
        old = there.columns.get(name)
        if old is None:
            continue
        try:
            change = columns.fit(old, column, columns.Place(name in held, name in primary), dialect)
        except columns.DoesNotFit as reason:
            found.obstacles.append(_does_not_fit(there.name, old.name, old.definition, reason))
            continue
        if change:
            clauses[name] = change.clause
            found.changes.append(change)
            found.questions += _what_it_loses(there.name, old, change)
    return clauses


def _does_not_fit(table: str, name: str, definition: str, reason: Exception) -> str:
    rename = f"ALTER TABLE {table} RENAME COLUMN {name} TO {name}_own"
    return (
        f"{table}.{name} ({definition}) {reason}. Change its type, or, if it means something else, rename it: {rename}"
    )


def _what_it_loses(table: str, old: Column, change: Change) -> Iterator[Question]:
    if f"`{old.name}` DATE " in change.clause:
        yield Question(
            f"SELECT 1 FROM `{table}` WHERE TIME(`{old.name}`) <> '00:00:00' LIMIT 1",  # noqa: S608
            f"{table}.{old.name} ({old.definition}) holds times of day, and we keep a date there. Let the times go:"
            f" ALTER TABLE {table} MODIFY {old.name} DATE",
        )


def _missing(there: Table, wanted: sa.Table, found: Fit, dialect: Dialect) -> None:
    for column in wanted.columns:
        if column.name.lower() in there.columns or column.primary_key:
            continue
        type_ = column.type.compile(dialect)
        if isinstance(column.type, sa.String) and "COLLATE" not in type_ and not isinstance(column.type, sa.Enum):
            type_ += f" CHARACTER SET utf8mb4 COLLATE {columns.EXACT}"
        if column.computed is not None:
            clause = f"ADD COLUMN {column.name} {type_} GENERATED ALWAYS AS ({column.computed.sqltext}) VIRTUAL"
        else:
            # A default would have to be valid for old rows too; they rather stay NULL.
            comment = f" COMMENT {quoted(column.comment)}" if column.comment else ""
            clause = f"ADD COLUMN {column.name} {type_} {_default(column)}{comment}"
        found.changes.append(Change(clause, f"{column.name} added"))


def _default(column: "sa.Column[Any]") -> str:
    """A flag of ours has a default, which old rows take as well."""
    default = column.server_default
    if column.nullable or not isinstance(default, sa.DefaultClause):
        return "NULL"
    return f"NOT NULL DEFAULT {default.arg}"


def _others_columns(there: Table, wanted: sa.Table) -> Iterator[str]:
    """Columns of the ISP's own that would refuse each row of ours."""
    ours = {column.name.lower() for column in wanted.columns}
    for name, column in there.columns.items():
        if name in ours or column.nullable or column.default is not None or column.auto_increment or column.generated:
            continue
        yield (
            f"{there.name}.{column.name} must be filled and has no default, so the database would refuse our rows."
            f" Give it one: ALTER TABLE {there.name} ALTER COLUMN {column.name} SET DEFAULT …"
        )


def _others_keys(there: Table, wanted: sa.Table) -> Iterator[str]:
    """Unique keys of the ISP's own that two rows of ours would violate."""
    identity = {name.lower() for name in wanted.info.get("identity", ())}
    for index in there.indexes:
        names = {name.lower() for name in index.columns}
        if index.unique and identity and not names & identity and not _is_never_doubled(there, wanted, names):
            yield (
                f"{there.name} has the unique key {index.name} on {', '.join(index.columns)}, which two payments may"
                f" share. Drop it: ALTER TABLE {there.name} DROP INDEX {index.name}"
            )


def _is_never_doubled(there: Table, wanted: sa.Table, names: set[str]) -> bool:
    """Whether a key holds a column that we do not write and that the server numbers, or leaves NULL."""
    ours = {column.name.lower() for column in wanted.columns}
    others = [there.columns[name] for name in names - ours - {""}]
    return any(one.auto_increment or (one.nullable and one.default is None) for one in others)


def _sizes(there: Table, wanted: sa.Table, clauses: Mapping[str, str]) -> Iterator[str]:
    """What utf8mb4, up to four bytes a letter, makes too long."""
    widths = {name: columns.octets(column, clauses.get(name, "")) for name, column in there.columns.items()}
    if sum(widths.values()) > _MAX_ROW and clauses:
        yield (
            f"{there.name}: a row in utf8mb4 would be longer than {_MAX_ROW} bytes."
            " Shorten long VARCHAR columns of it, or make them TEXT"
        )
    for index in there.indexes:
        if any(name.lower() in clauses for name in index.columns):
            yield from _of_index(there, index, clauses, widths)
    if there.partitioned and any(index.unique for index in wanted.indexes):
        yield (
            f"{there.name} is partitioned, and cannot have the unique key that we need."
            f" Undo it: ALTER TABLE {there.name} REMOVE PARTITIONING"
        )


def _what_becomes_one(there: Table, clauses: Mapping[str, str]) -> Iterator[Question]:
    """Texts that are two for the old collation of a unique key may be one for the new one: ä and a, for example."""
    for index in there.indexes:
        if not index.unique or not any("COLLATE" in clauses.get(name.lower(), "") for name in index.columns):
            continue
        new = [
            f"CONVERT(`{name}` USING utf8mb4) COLLATE {columns.collation(there.columns[name.lower()], clause)}"
            if "COLLATE" in (clause := clauses.get(name.lower(), ""))
            else f"`{name}`"
            for name in index.columns
            if name
        ]
        all_there = " AND ".join(f"`{name}` IS NOT NULL" for name in index.columns if name)
        yield Question(
            f"SELECT 1 FROM `{there.name}` WHERE {all_there} GROUP BY {', '.join(new)} HAVING COUNT(*) > 1 LIMIT 1",  # noqa: S608
            f"{there.name}: some rows would be the same for the unique key {index.name} in utf8mb4, where ä is an a."
            " Change them, or drop the key",
        )


def _of_index(there: Table, index: Index, clauses: Mapping[str, str], widths: Mapping[str, int]) -> Iterator[str]:
    old = [there.columns[name.lower()] for name in index.columns if name]
    if index.kind == "FULLTEXT":
        if len({columns.collation(column, clauses.get(column.name.lower(), "")) for column in old}) > 1:
            names = ", ".join(column.name for column in old)
            yield (
                f"{there.name}: the FULLTEXT index {index.name} needs {names} in one character set."
                f" Drop it, and create it again when all of them are utf8mb4"
            )
        return
    length = sum(
        4 * prefix if prefix else widths[name.lower()]
        for name, prefix in zip(index.columns, index.prefixes, strict=True)
        if name
    )
    if length > _MAX_KEY:
        yield (
            f"{there.name}: the index {index.name} would be longer than {_MAX_KEY} bytes in utf8mb4."
            f" Drop it or shorten it to fewer letters: ALTER TABLE {there.name} DROP INDEX {index.name}"
        )
