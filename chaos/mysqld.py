"""A MySQL server of our own in a container: its defaults, its data on a volume, so that a kill is a real one."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chaos.ports import free_port

IMAGE = "mysql:9.7"
_PASSWORD = "chaos"  # noqa: S105  # of a throw-away server on loopback


class NoDocker(Exception):
    """There is no Docker engine, or it refused; the text is what it said."""


class Mysqld:
    """One server for a whole run; each scenario has schemas of its own on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self._engine = sa.create_engine(self.url(""), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def url(self, schema: str, port: int | None = None) -> str:
        """The address of a schema; through another port where a proxy stands between."""
        return f"mysql+pymysql://root:{_PASSWORD}@127.0.0.1:{port or self.port}/{schema}"

    def start(self) -> None:
        """Create the server and wait until it answers over TCP."""
        settings = ["-e", f"MYSQL_ROOT_PASSWORD={_PASSWORD}", "-e", "MYSQL_ROOT_HOST=%"]
        ports = ["-p", f"127.0.0.1:{self.port}:3306"]
        _docker("run", "-d", "--name", self.name, "-v", f"{self.name}:/var/lib/mysql", *ports, *settings, IMAGE)
        self.wait()

    def create_schema(self, schema: str) -> str:
        """Make an empty schema; its address."""
        self._execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
        return self.url(schema)

    def kill(self) -> None:
        """SIGKILL: what was not on the volume is gone."""
        _docker("kill", "-s", "KILL", self.name)

    def restart(self) -> None:
        """Start it again on the same data; it recovers by itself."""
        _docker("start", self.name)

    def recover(self) -> None:
        """Up again after a scenario that broke off while it was down."""
        if not self._answers():
            self.restart()
            self.wait()

    def wait(self, seconds: float = 120) -> None:
        """Return as soon as it answers queries. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"MySQL did not answer within {seconds:.0f} s")
            time.sleep(0.1)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """It refuses every write, root's too, as a server does that a failover has left behind."""
        self._execute("SET GLOBAL super_read_only = ON")
        try:
            yield
        finally:
            self._execute("SET GLOBAL super_read_only = OFF")
            self._execute("SET GLOBAL read_only = OFF")

    def _execute(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _answers(self) -> bool:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            return False
        return True

    def remove(self) -> None:
        """Remove the server and its data, in whatever state it is."""
        self._engine.dispose()
        subprocess.run(["docker", "rm", "-f", "-v", self.name], capture_output=True, check=False)
        subprocess.run(["docker", "volume", "rm", "-f", self.name], capture_output=True, check=False)


def _docker(*arguments: str) -> None:
    try:
        subprocess.run(["docker", *arguments], capture_output=True, check=True, text=True)
    except FileNotFoundError as error:
        raise NoDocker("there is no docker command") from error
    except subprocess.CalledProcessError as error:
        raise NoDocker(f"docker {arguments[0]}: {error.stderr.strip()}") from error
