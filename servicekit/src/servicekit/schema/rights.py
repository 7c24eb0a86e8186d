"""What a database user may do, as the server tells with SHOW GRANTS."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

# What a migration does: it creates and changes tables, and moves rows.
TO_MIGRATE = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX")

# What says, in all versions of both servers, that only replication may write.
_READ_ONLY = ("read_only", "super_read_only", "innodb_read_only")

_GRANT = re.compile(r"^(GRANT|REVOKE) (.+?) ON (?:TABLE )?(\*|`.*?`|\S+?)\.(\*|`.*?`|\S+) (?:TO|FROM) ", re.IGNORECASE)
_COLUMNS = re.compile(r"\w+ \([^)]*\)")


@dataclass(frozen=True, slots=True)
class Rights:
    """Privileges by (schema's pattern, table or *)."""

    granted: Mapping[tuple[str, str], Collection[str]]
    revoked: Mapping[str, Collection[str]]

    def missing(self, schema: str, table: str, wanted: Iterable[str]) -> list[str]:
        """Those of these privileges that the user does not have on a table; `*` for the whole schema."""
        held: set[str] = set()
        for (pattern, of_table), privileges in self.granted.items():
            if _matches(pattern, schema) and of_table in {"*", table}:
                held.update(privileges)
        held -= set(self.revoked.get(schema, ()))
        return [] if "ALL PRIVILEGES" in held or "ALL" in held else [word for word in wanted if word not in held]


def read(connection: Connection) -> Rights:
    """The rights of the user that a connection is of, with those of its active roles."""
    lines = list(connection.execute(sa.text("SHOW GRANTS")).scalars())
    if not getattr(connection.dialect, "is_mariadb", False):  # MariaDB shows the active role's with the user's
        roles = connection.execute(sa.text("SELECT CURRENT_ROLE()")).scalar_one()
        if roles and roles != "NONE":
            lines += connection.execute(sa.text(f"SHOW GRANTS FOR CURRENT_USER() USING {roles}")).scalars()
    return parse(lines)


def refuses_writes(connection: Connection) -> bool:
    """Whether the server is one that only reads, such as a replica."""
    names = ", ".join(f"'{name}'" for name in _READ_ONLY)
    found = connection.execute(sa.text(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"))
    return any(value == "ON" for _, value in found)


def parse(lines: Iterable[str]) -> Rights:
    """Rights from the answer to SHOW GRANTS. What holds for some columns only counts as not granted."""
    granted: dict[tuple[str, str], set[str]] = defaultdict(set)
    revoked: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if not (found := _GRANT.match(line)):
            continue  # a role, or PROXY
        verb, words, schema, table = found.groups()
        privileges = {word.strip().upper() for word in _COLUMNS.sub("", words).split(",")}
        if verb.upper() == "GRANT":
            granted[schema.strip("`"), table.strip("`")].update(privileges)
        else:
            revoked[schema.strip("`")].update(privileges)
    return Rights(granted, revoked)


def _matches(pattern: str, schema: str) -> bool:
    """A schema's name in a grant is a pattern with % and _."""
    if pattern in {"*", schema}:
        return True
    parts = re.split(r"(\\[%_\\]|%|_)", pattern)
    words = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(words.get(part, re.escape(part.lstrip("\\"))) for part in parts), schema))
