"""The self-test of a service's database: whether it holds what the service relies on, shown by trying it.

Owns one small table a service, whose rows belong to one process each, so that replicas do not meet. Judges servers by
what they do: some accept the words of a lock and lock nothing.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from servicekit import clusters, metrics
from servicekit.database import meaning_of, transact
from servicekit.database_errors import waited_too_long
from servicekit.lock_waits import refused_at_once
from servicekit.moments import UtcDateTime, current_time

_OLDEST_MYSQL = (8, 0)
_OLDEST_MARIADB = (10, 11)
# An accent that latin1 lacks, and a character that utf8mb3 lacks.
_TEXT = "ũ😀"
# Slots of a process's rows: the one that it writes again and again, and those of the checks.
_BEAT, _WRITTEN, _ROLLED_BACK, _DOUBLED, _LOCKED, _FREE = range(6)


class UnfitDatabase(Exception):
    """The database is there, and the service must not work on it. `faults`: a sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def table_of(service: str) -> sa.Table:
    """The table that the self-test of a service writes to."""
    return sa.Table(
        f"selftest_{service}",
        sa.MetaData(),
        sa.Column("process", sa.String(32), primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.String(10), nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
        comment="written by each process to show that it can write; rows of a day ago may go",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


class SelfTest:
    """The checks of one service's database. `service` names its version table; `tables` are those it works on."""

    def __init__(self, engine: sa.Engine, service: str, tables: sa.MetaData) -> None:
        self._engine = engine
        self._service = service
        self._tables = tables
        self._own = table_of(service)
        self._process = uuid.uuid4().hex
        self._on_sqlite = engine.dialect.name == "sqlite"

    def checks(self) -> Iterator[tuple[str, str]]:
        """Make each check: its name, and a sentence where it fails, else "". Ends where the rest would make no sense.

        Raises DatabaseUnavailable when the database does not answer, or refuses to be tested.
        """
        try:
            for name, check in (
                ("server", self._server),
                ("tables", self._all_tables),
                ("connection", self._connection),
                ("writes", self._writes),
                ("rollback", self._rollback),
                ("unique keys", self._unique_keys),
                ("row locks", self._row_locks),
            ):
                fault = check()
                yield name, fault
                if fault and name in ("server", "tables"):
                    return
            self._clean()
        except (DBAPIError, sa.exc.TimeoutError) as error:
            raise meaning_of(error) from error

    def write(self) -> None:
        """Write this process's row. Raises DatabaseUnavailable when the database takes no writes now."""
        mine = (self._own.c.process == self._process) & (self._own.c.slot == _BEAT)

        def work(connection: sa.Connection) -> None:
            now = current_time(connection)
            if not connection.execute(sa.update(self._own).where(mine).values(written_at=now)).rowcount:
                self._insert(connection, _BEAT)

        transact(self._engine, work)

    def seconds_ahead(self) -> float:
        """How far the database's clock is ahead of this machine's. Raises DatabaseUnavailable."""
        try:
            with self._engine.connect() as connection:
                asked = time.time()
                answer = current_time(connection).timestamp()
                answered = time.time()
                connection.rollback()
        except (DBAPIError, sa.exc.TimeoutError) as error:
            raise meaning_of(error) from error
        return answer - (asked + answered) / 2

    def log_writer(self) -> str:
        """innodb_log_writer_threads: "ON", "OFF", or "" where there is none. Raises DatabaseUnavailable."""
        if self._on_sqlite:
            return ""
        try:
            with self._engine.connect() as connection:
                found = connection.exec_driver_sql("SHOW GLOBAL VARIABLES LIKE 'innodb_log_writer_threads'").first()
                connection.rollback()
        except (DBAPIError, sa.exc.TimeoutError) as error:
            raise meaning_of(error) from error
        return str(found[1]) if found else ""

    def _server(self) -> str:
        if self._on_sqlite:
            return ""
        with self._engine.connect() as connection:
            dialect = connection.dialect
            version = dialect.server_version_info or ()
            spread = self._spread(connection)
            connection.rollback()
        mariadb = getattr(dialect, "is_mariadb", False)
        name, oldest = ("MariaDB", _OLDEST_MARIADB) if mariadb else ("MySQL", _OLDEST_MYSQL)
        if version >= oldest:
            return spread
        return f"this is {name} {'.'.join(map(str, version))}; {'.'.join(map(str, oldest))} or newer is needed"

    def _spread(self, connection: sa.Connection) -> str:
        names = ", ".join(f"'{name}'" for name in clusters.VARIABLES)
        version = connection.exec_driver_sql("SELECT VERSION()").scalar_one()
        found = connection.exec_driver_sql(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})").all()
        return clusters.fault(version, dict(map(tuple, found)))

    def _all_tables(self) -> str:
        inspector = sa.inspect(self._engine)
        present = {name.lower() for name in inspector.get_table_names()}
        faults = []
        for table in (*self._tables.sorted_tables, self._own):
            if table.name.lower() not in present:
                faults.append(f"the table {table.name} is missing: run `rejesha migrate`")
            elif fault := self._table(inspector, table):
                faults.append(fault)
        return "; ".join(faults)

    def _table(self, inspector: sa.Inspector, table: sa.Table) -> str:
        there = {column["name"].lower() for column in inspector.get_columns(table.name)}
        if missing := [column.name for column in table.c if column.name.lower() not in there]:
            return f"the table {table.name} lacks {', '.join(missing)}: run `rejesha migrate`"
        engine = str(inspector.get_table_options(table.name).get("mysql_engine", ""))
        if not self._on_sqlite and engine.lower() != "innodb":
            return f"the table {table.name} is kept by {engine or 'no engine'}, not by InnoDB, and has no transactions"
        return ""

    def _connection(self) -> str:
        if self._on_sqlite:
            return ""
        with self._engine.connect() as connection:
            query = "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@sql_mode"
            *sets, mode = connection.exec_driver_sql(query).one()
            connection.rollback()
        if set(sets) != {"utf8mb4"}:
            return f"the connection speaks {', '.join(sets)}, not utf8mb4, whatever is set"
        return "" if "STRICT_" in mode else "the SQL mode is not strict, whatever is set: values would be cut"

    def _writes(self) -> str:
        transact(self._engine, lambda connection: self._put(connection, _WRITTEN))
        with self._engine.connect() as connection:
            texts = self._texts(connection, _WRITTEN)
            connection.rollback()
        return "" if texts == [_TEXT] else "what was committed is not what a second connection reads"

    def _rollback(self) -> str:
        with self._engine.connect() as connection:
            self._insert(connection, _ROLLED_BACK)
            connection.rollback()
            left = self._texts(connection, _ROLLED_BACK)
            connection.rollback()
        return "a rollback does not undo what was written" if left else ""

    def _unique_keys(self) -> str:
        with self._engine.connect() as connection:
            try:
                self._insert(connection, _DOUBLED)
                self._insert(connection, _DOUBLED)
            except IntegrityError:
                return ""
            finally:
                connection.rollback()
        return "a second row with the same key is not refused"

    def _row_locks(self) -> str:
        """Whether SKIP LOCKED passes over what another connection holds, and nothing else."""
        if self._on_sqlite:  # one writer at a time
            return ""
        rows = sa.select(self._own.c.slot).where(self._own.c.process == self._process).order_by(self._own.c.slot)

        transact(self._engine, lambda connection: self._put(connection, _LOCKED, _FREE))
        with self._engine.connect() as holder, self._engine.connect() as second:
            try:
                holder.execute(rows.where(self._own.c.slot == _LOCKED).with_for_update()).all()
                query = rows.where(self._own.c.slot >= _LOCKED).with_for_update(skip_locked=True)
                found = second.execute(query).scalars().all()
                waits = not refused_at_once(second, rows.with_for_update(nowait=True))
            except DBAPIError as error:
                if waited_too_long(error):
                    return "SKIP LOCKED does not skip: a second connection waited for a locked row"
                raise
            finally:
                second.rollback()
                holder.rollback()
        if _LOCKED in found:
            return "FOR UPDATE does not lock: a second connection got a row that the first one holds"
        if waits:
            return "FOR UPDATE NOWAIT does not refuse a row that another connection holds"
        return "" if found == [_FREE] else "SKIP LOCKED passes over rows that nobody holds"

    def _put(self, connection: sa.Connection, *slots: int) -> None:
        """As `_insert`, and may be repeated when nobody knows whether it was committed."""
        mine = (self._own.c.process == self._process) & self._own.c.slot.in_(slots)
        connection.execute(sa.delete(self._own).where(mine))
        for slot in slots:
            self._insert(connection, slot)

    def _insert(self, connection: sa.Connection, slot: int) -> None:
        row = {"process": self._process, "slot": slot, "text": _TEXT, "written_at": current_time(connection)}
        connection.execute(sa.insert(self._own), [row])

    def _texts(self, connection: sa.Connection, slot: int) -> list[str]:
        mine = (self._own.c.process == self._process) & (self._own.c.slot == slot)
        return list(connection.execute(sa.select(self._own.c.text).where(mine)).scalars())

    def _clean(self) -> None:
        """Remove this test's rows, and those of processes that ended long ago."""

        def work(connection: sa.Connection) -> None:
            yesterday = current_time(connection) - timedelta(days=1)
            old = (self._own.c.process == self._process) | (self._own.c.written_at < yesterday)
            connection.execute(sa.delete(self._own).where(old))

        transact(self._engine, work)


class Readiness:
    """Whether a process can do its work: its database passed the self-test once, and takes its writes now."""

    def __init__(self, selftest: SelfTest) -> None:
        self._selftest = selftest
        self._passed = False

    def __call__(self) -> None:
        """Raises DatabaseUnavailable while the database is away or takes no writes, UnfitDatabase if it failed."""
        try:
            self._look()
        except Exception:
            metrics.WRITABLE.set(0)
            raise
        metrics.WRITABLE.set(1)

    def _look(self) -> None:
        if not self._passed:
            if faults := [fault for _, fault in self._selftest.checks() if fault]:
                raise UnfitDatabase(faults)
            self._passed = True
        self._selftest.write()
