"""The tables of one schema as typed rows, read from information_schema of MySQL or MariaDB.

Owns those queries. Judges nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit"}


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is the bare word, `definition` the whole type; `length` counts characters, `octets` bytes.

    `default` is SQL text, ready to stand behind DEFAULT.
    """

    name: str
    type: str
    definition: str
    length: int | None = None
    octets: int = 8
    precision: int = 0
    scale: int = 0
    charset: str | None = None
    collation: str | None = None
    nullable: bool = True
    default: str | None = None
    auto_increment: bool = False
    generated: bool = False
    comment: str = ""

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.definition


@dataclass(frozen=True, slots=True)
class Index:
    """`kind` is BTREE, FULLTEXT, …; `prefixes` has the length of each column's part, where it is not whole."""

    name: str
    unique: bool
    kind: str
    columns: Sequence[str]
    prefixes: Sequence[int | None]

    @property
    def whole(self) -> bool:
        return not any(self.prefixes)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Rows of `schema`.`table` refer to rows of `referenced_schema`.`referenced_table`."""

    schema: str
    table: str
    name: str
    columns: Sequence[str]
    referenced_schema: str
    referenced_table: str
    referenced_columns: Sequence[str]
    on_update: str = "RESTRICT"

    def __str__(self) -> str:
        return f"{self.schema}.{self.table} ({', '.join(self.columns)})"


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` by their names in lower case. A view has neither engine nor indexes."""

    name: str
    is_view: bool = False
    engine: str = "InnoDB"
    row_format: str = "Dynamic"
    partitioned: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict)
    indexes: Sequence[Index] = ()
    delete_triggers: Sequence[str] = ()

    def starts_an_index(self, column: str) -> bool:
        return any(index.columns[0].lower() == column for index in self.indexes if index.columns)


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables by name, and every foreign key that can be seen, in any schema."""

    name: str
    tables: Mapping[str, Table]
    foreign_keys: Sequence[ForeignKey] = ()

    def has(self, table: str, column: str) -> bool:
        """Whether there is such a table, and not a view, with such a column."""
        there = self.tables.get(table)
        return there is not None and not there.is_view and column.lower() in there.columns

    def references_to(self, table: str) -> list[ForeignKey]:
        return [
            key
            for key in self.foreign_keys
            if (key.referenced_schema.lower(), key.referenced_table.lower()) == (self.name.lower(), table.lower())
        ]

    def keyed(self, table: str) -> set[str]:
        """The columns of a table that stand in foreign keys, on either side; in lower case."""
        own = [key.columns for key in self.foreign_keys if (key.schema, key.table) == (self.name, table)]
        onto = [key.referenced_columns for key in self.references_to(table)]
        return {name.lower() for names in (*own, *onto) for name in names}


def read(connection: Connection) -> Schema:
    """The schema that a connection is in. Runs on MySQL and MariaDB only."""
    name = connection.execute(sa.text("SELECT DATABASE()")).scalar_one()
    columns, indexes, triggers = _columns(connection), read_indexes(connection, name), _delete_triggers(connection)
    query = sa.text(
        "SELECT TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine, ROW_FORMAT AS row_format,"
        " COALESCE(CREATE_OPTIONS, '') AS options FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
    )
    tables = {
        row.name: Table(
            row.name,
            "VIEW" in row.type,
            row.engine or "",
            row.row_format or "",
            "partitioned" in row.options,
            columns.get(row.name, {}),
            indexes.get(row.name, []),
            triggers.get(row.name, []),
        )
        for row in connection.execute(query)
    }
    return Schema(name, tables, _foreign_keys(connection))


def _columns(connection: Connection) -> dict[str, dict[str, Column]]:
    query = sa.text(
        "SELECT TABLE_NAME AS of_table, COLUMN_NAME AS name, LOWER(DATA_TYPE) AS type, COLUMN_TYPE AS definition,"
        " CHARACTER_MAXIMUM_LENGTH AS length, CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS prec,"
        " NUMERIC_SCALE AS scale, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation,"
        " IS_NULLABLE AS nullable, COLUMN_DEFAULT AS dflt, LOWER(EXTRA) AS extra,"
        " COALESCE(GENERATION_EXPRESSION, '') AS expression, COLUMN_COMMENT AS comment"
        " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    found: dict[str, dict[str, Column]] = defaultdict(dict)
    for row in connection.execute(query):
        found[row.of_table][row.name.lower()] = Column(
            row.name,
            row.type,
            row.definition,
            row.length,
            row.octets or 8,
            row.prec or 0,
            row.scale or 0,
            row.charset,
            row.collation,
            row.nullable == "YES",
            _default(row.dflt, row.type, row.extra, is_mariadb=is_mariadb),
            "auto_increment" in row.extra,
            bool(row.expression),
            row.comment,
        )
    return found


def _default(text: str | None, type_: str, extra: str, *, is_mariadb: bool) -> str | None:
    """A default as SQL. MariaDB tells it so; MySQL tells a literal bare, and an expression with its quotes escaped."""
    if text is None or (is_mariadb and text.upper() == "NULL"):
        return None
    if is_mariadb or type_ in _NUMBERS or text.upper().startswith("CURRENT_TIMESTAMP"):
        return text
    if "default_generated" in extra:
        return "({})".format(text.replace("\\'", "'"))
    return quoted(text)


def quoted(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def read_indexes(connection: Connection, schema: str) -> dict[str, list[Index]]:
    """The indexes of a schema's tables."""
    query = sa.text(
        "SELECT TABLE_NAME AS of_table, INDEX_NAME AS name, NON_UNIQUE AS doubled, INDEX_TYPE AS kind,"
        " COALESCE(COLUMN_NAME, '') AS col, SUB_PART AS part FROM information_schema.STATISTICS"
        " WHERE TABLE_SCHEMA = :schema ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    )
    parts = defaultdict(list)
    for row in connection.execute(query, {"schema": schema}):
        parts[row.of_table, row.name, not row.doubled, row.kind].append((row.col, row.part))
    found: dict[str, list[Index]] = defaultdict(list)
    for (table, name, unique, kind), columns in parts.items():
        names, prefixes = zip(*columns, strict=True)
        found[table].append(Index(name, unique, kind, names, prefixes))
    return found


def _delete_triggers(connection: Connection) -> dict[str, list[str]]:
    query = sa.text(
        "SELECT EVENT_OBJECT_TABLE AS of_table, TRIGGER_NAME AS name FROM information_schema.TRIGGERS"
        " WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_MANIPULATION = 'DELETE'"
    )
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.of_table].append(row.name)
    return found


def _foreign_keys(connection: Connection) -> list[ForeignKey]:
    query = sa.text(
        "SELECT k.TABLE_SCHEMA AS of_schema, k.TABLE_NAME AS of_table, k.CONSTRAINT_NAME AS name, k.COLUMN_NAME AS col,"
        " k.REFERENCED_TABLE_SCHEMA AS rs, k.REFERENCED_TABLE_NAME AS rt, k.REFERENCED_COLUMN_NAME AS rc,"
        " r.UPDATE_RULE AS on_update FROM information_schema.KEY_COLUMN_USAGE AS k"
        " JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA"
        " AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME"
        " WHERE k.REFERENCED_COLUMN_NAME IS NOT NULL ORDER BY of_schema, of_table, name, k.ORDINAL_POSITION"
    )
    parts = defaultdict(list)
    for row in connection.execute(query):
        parts[row.of_schema, row.of_table, row.name, row.rs, row.rt, row.on_update].append((row.col, row.rc))
    keys = []
    for (schema, table, name, onto_schema, onto, on_update), columns in parts.items():
        own, theirs = zip(*columns, strict=True)
        keys.append(ForeignKey(schema, table, name, own, onto_schema, onto, theirs, on_update))
    return keys
