"""What an error of a database means for the work that met it, by the numbers of MySQL, MariaDB and SQLite.

Owns every error number, and which of a server's words may be shown: some quote rows. Talks to no database.
"""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from servicekit.rpc.errors import DatabaseRefuses, DatabaseUnavailable, RowLocked, ServiceError

# Deadlock found, doubled key; a row or a table changed under the transaction; group replication
# undid it. All of it is rolled back: trying again is safe.
_WORTH_REPEATING = {1213, 1062, 1020, 1412, 1615, 3101}

# Lock wait timed out; a statement ran for longer than it may: MySQL's number, MariaDB's number.
_LOCK_WAITS = {1205, 3024, 1969}
# A NOWAIT that would have to wait, likewise.
_NOWAITS = {3572, 1205}

# Operational errors by the driver's order: a trigger's SIGNAL, invalid JSON, a violated CHECK (MySQL's and MariaDB's).
_ROW_FAULTS = {1644, 3140, 3819, 4025}

# This server takes no writes, though another may: read only in its several forms (1290 and 1792 by settings, 1036 and
# 1836 and 1874 by its storage), out of its cluster (1047 Galera, 3100 and 3796 to 3799 group replication), offline.
_NO_WRITES = {1290, 1792, 1036, 1836, 1874, 1047, 3100, 3796, 3797, 3798, 3799, 3032}

# The server ends this connection, or itself. The driver counts these as errors of one statement.
_GOING = {1053, 1077, 1079, 1152, 1184, 1927, 3168, 3169, 4031}

# Too much of something, or somebody ended a statement: it may go well a moment later without anybody's doing.
_BUSY = {1021, 1030, 1037, 1038, 1040, 1041, 1114, 1129, 1135, 1180, 1181, 1203, 1206, 1226, 1297, 1317, 1637, 3572}

# Texts that hold names of users, hosts, tables and columns, and no value of a row.
_TELLING = _NO_WRITES | {
    *(1044, 1045, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 3955, 4151),  # rights and passwords
    *(1049, 1054, 1146, 1305, 1356, 1364, 1449, 1814, 1932),  # what is not there
    *(1115, 1193, 1251, 1267, 1273, 1286, 1348, 1471, 1524, 3098),  # what does not fit
    *(1050, 1060, 1061, 1067, 1068, 1069, 1071, 1074, 1075, 1089, 1091, 1101, 1118, 1170, 1215),  # tables' definitions
    *(1418, 1419, 1665, 1785, 1822, 1825, 1832, 1833),
    *(1040, 1114, 1129, 1203, 1226, 2003, 2026),
}

_SQLITE_BUSY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
}


def error_code(error: DBAPIError) -> int:
    """MySQL's or MariaDB's error number, or 0 where there is none."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else 0


def worth_repeating(error: DBAPIError) -> bool:
    """Whether the same transaction, begun anew, may well succeed."""
    # A doubled key means that another transaction was first: repeated, this one sees the other's row.
    return error_code(error) in _WORTH_REPEATING or "UNIQUE constraint failed" in str(error.orig)


def refuses_a_row(error: DBAPIError) -> bool:
    """Whether the database is well and only refuses what a row holds: trying again would not help."""
    return isinstance(error, DataError | IntegrityError) or error_code(error) in _ROW_FAULTS


def waited_too_long(error: DBAPIError) -> bool:
    """Whether a statement ended because another transaction holds what it needs."""
    return error_code(error) in _LOCK_WAITS


def would_have_to_wait(error: DBAPIError) -> bool:
    """Whether a statement with NOWAIT met a row that another transaction holds."""
    return error_code(error) in _NOWAITS


def is_of_a_useless_connection(error: BaseException) -> bool:
    """Whether, after a driver's error, only a new connection to the server that the address names then can help."""
    return bool(error.args) and error.args[0] in _NO_WRITES | _GOING


def meaning(error: DBAPIError) -> ServiceError:
    """The error for the caller, where the database refuses more than a row."""
    code = error_code(error)
    if waited_too_long(error):
        return RowLocked("another transaction holds a row")
    if code in _NO_WRITES:
        return DatabaseUnavailable(f"the database takes no writes: {describe(error)}")
    if code in _BUSY or _sqlite_code(error) in _SQLITE_BUSY:
        return DatabaseUnavailable(f"the database cannot do it now: {describe(error)}")
    if error.connection_invalidated or code in _GOING or (_sqlite_code(error) is None and not _of_server(code)):
        return DatabaseUnavailable(f"the database did not answer: {describe(error)}")
    return DatabaseRefuses(f"the database refuses: {describe(error)}")


def describe(error: DBAPIError) -> str:
    """The error's number, with the server's words where those name no row's value; fit for logs and for callers."""
    code, sqlite_code = error_code(error), _sqlite_code(error)
    if sqlite_code is not None:
        words = str(error.orig)
        # Of SQLite's general error, whose text may quote a statement, only what names a table or column.
        telling = sqlite_code != sqlite3.SQLITE_ERROR or words.startswith(("no such ", "table "))
        return f"{getattr(error.orig, 'sqlite_errorname', 'SQLITE')} {words if telling else ''}".strip()
    if code in _TELLING:
        return " ".join(map(str, error.orig.args[:2])) if error.orig else str(code)
    return f"error {code}" if code else type(error.orig).__name__


def _of_server(code: int) -> bool:
    """Whether a server gave this number: from 2000 to 2999 they are the driver's own, such as for a lost connection."""
    return 1000 <= code < 2000 or code >= 3000


def _sqlite_code(error: DBAPIError) -> int | None:
    code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
