"""A MySQL server of our own, in a container, with the image's defaults; gone when we are.

It shares the host's network, because the proxy of a published port would cost more CPU than some of what is measured.
Nobody encrypts what stays on this machine: the predecessor's driver does not by itself, so ours is told not to.
"""

import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
from pymysql.cursors import DictCursor

IMAGE = "mysql:9.7"
_PASSWORD = "benchmark"  # noqa: S105  # of a server that lives as long as a run
_VARIABLES = (
    "version", "innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin", "innodb_doublewrite", "innodb_flush_method",
    "innodb_buffer_pool_size", "innodb_redo_log_capacity", "innodb_io_capacity", "max_connections",
    "transaction_isolation", "binlog_row_image", "performance_schema",
)  # fmt: skip


class NoDocker(Exception):
    """There is no container engine to run MySQL in."""


class MySqlServer:
    """`with MySqlServer() as server:` runs it until the block ends."""

    def __init__(self, port: int, x_port: int) -> None:
        self.port = port
        self._x_port = x_port
        self.name = f"rejesha-bench-{secrets.token_hex(4)}"
        self.pid = 0

    def __enter__(self) -> Self:
        if not shutil.which("docker"):
            raise NoDocker("docker is missing: the benchmarks need a MySQL 9.7 of their own")
        command = ["run", "--detach", "--rm", "--name", self.name, "--network", "host"]
        command += ["--env", f"MYSQL_ROOT_PASSWORD={_PASSWORD}", IMAGE]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", f"--mysqlx-port={self._x_port}"]
        try:
            self._docker(*command)
            self._wait()
        except BaseException:
            self._remove()
            raise
        self.pid = int(self._docker("inspect", "--format", "{{.State.Pid}}", self.name))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def url(self, schema: str) -> str:
        """The address of a schema, for SQLAlchemy."""
        return f"mysql+pymysql://root:{_PASSWORD}@127.0.0.1:{self.port}/{schema}?ssl_disabled=true"

    def node_url(self, schema: str) -> str:
        """The address of a schema, for mysql2."""
        return f"mysql://root:{_PASSWORD}@127.0.0.1:{self.port}/{schema}"

    def connect(self, schema: str | None = None, **options: Any) -> "pymysql.connections.Connection[Any]":
        """A connection that commits each statement unless told otherwise."""
        given: dict[str, Any] = {"autocommit": True, "ssl_disabled": True, "init_command": "SET time_zone = '+00:00'"}
        given |= {"host": "127.0.0.1", "port": self.port, "user": "root", "password": _PASSWORD, "charset": "utf8mb4"}
        return pymysql.connect(database=schema, **(given | options))

    def query(self, schema: str, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self.connect(schema, cursorclass=DictCursor) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return list(cursor.fetchall())

    def number(self, schema: str, sql: str, *arguments: object) -> int:
        """The one number that a query answers."""
        (row,) = self.query(schema, sql, *arguments)
        return int(next(iter(row.values())) or 0)

    def create(self, schema: str, script: Path | None = None) -> None:
        """Make a schema, and what a script of statements makes in it."""
        self.query("mysql", f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
        statements = script.read_text().split(";\n") if script else []
        for statement in statements:
            if statement.strip():
                self.query(schema, statement)

    def variables(self) -> Mapping[str, str]:
        """The settings that speed and durability depend on."""
        rows = self.query("mysql", "SHOW GLOBAL VARIABLES")
        found = {row["Variable_name"]: row["Value"] for row in rows}
        return {name: found.get(name, "") for name in _VARIABLES}

    def run(self, *command: str) -> str:
        """Run one of the server's own programs as root of the database; its output."""
        program, *flags = command
        return self._docker("exec", "--env", f"MYSQL_PWD={_PASSWORD}", self.name, program, "-uroot", *flags)

    def _wait(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.connect().close()
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _remove(self) -> None:
        # In a session of its own: a second Ctrl-C is not for it.
        command = ["docker", "rm", "--force", "--volumes", self.name]
        subprocess.run(command, capture_output=True, check=False, start_new_session=True)

    def _docker(self, *arguments: str) -> str:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoDocker(f"docker {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()
