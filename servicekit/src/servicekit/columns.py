"""Types of columns that mean the same on MySQL, MariaDB and SQLite.

Owns what a server's name for a thing is. Holds no table.
"""

from typing import Any

import sqlalchemy as sa


class ExactText(sa.TypeDecorator[str]):
    """Text, up to `length` characters, of which two are the same only if every character is.

    The default collations of MySQL and MariaDB take texts for the same that differ in case, in accents or in blanks at
    the end. Each server has one collation that does not, under a name of its own; MySQL since 8.0.17.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name != "mysql":
            return dialect.type_descriptor(sa.String(self.length))
        collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
        return dialect.type_descriptor(sa.String(self.length, collation=collation))
