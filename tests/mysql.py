"""A MySQL for a run of the tests: a container of its own, its data in memory."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import sqlalchemy as sa

IMAGE = "mysql:9.7"
_PASSWORD = "root"


@dataclass(frozen=True)
class Server:
    """A server that runs; `url` is root's, so that tests can make schemas."""

    url: sa.URL
    container: str

    def run(self, *command: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        """Run one of MySQL's own programs beside the server, as root."""
        beside = ("docker", "exec", "-i", "-e", f"MYSQL_PWD={_PASSWORD}", self.container)
        subprocess.run((*beside, *command), check=True, stdin=stdin, stdout=stdout)


def why_not() -> str:
    """Why no MySQL can be started here; empty if one can."""
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException as error:
        return str(error)
    return ""


@contextmanager
def running(options: Sequence[str] = ()) -> Iterator[Server]:
    """A server with its defaults, but for `options`; everything in it is gone at the end."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.community.mysql import MySqlContainer

    # In memory: thousands of tables are made, and each waits for a disk otherwise. No test pulls the plug.
    server = MySqlContainer(IMAGE, dialect="pymysql", username="root", password=_PASSWORD, command=list(options))
    with server.with_tmpfs_mount("/var/lib/mysql") as container:
        yield Server(sa.make_url(container.get_connection_url()), container.get_wrapped_container().id)
