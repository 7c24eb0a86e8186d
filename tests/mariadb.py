"""A MariaDB for a run of the tests: a plain process of Debian's package, its data in memory where there is room."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from chaos.ports import free_port

PACKAGE = "mariadb-server"
# Thousands of tables are made, and each waits for a disk otherwise. No test pulls the plug.
_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30


def why_not() -> str:
    """Why no MariaDB can be started here; empty if one can."""
    missing = [name for name in ("mariadbd", "mariadb-install-db") if _find(name) is None]
    return f"{' and '.join(missing)} not found (apt-get install {PACKAGE})" if missing else ""


def in_memory() -> Path | None:
    """A directory in memory with room enough, where there is one."""
    enough = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM
    return _MEMORY if enough else None


@contextmanager
def running(certificate: Path | None = None, options: Sequence[str] = ()) -> Iterator[sa.URL]:
    """Start a server on a free port of loopback, with `options` of its own; stop it and remove its data at the end.

    With a certificate, and its key in the same file, it takes no connection that is not encrypted.
    """
    # Not pytest's own directory: that one is closed to the user whom the server runs as.
    home = Path(tempfile.mkdtemp(prefix="rejesha-mariadb-", dir=in_memory()))
    try:
        url = sa.make_url(f"mysql+pymysql://root@127.0.0.1:{free_port()}/mysql")
        process = _start(home, url, certificate, options)
        try:
            _wait(process, url, home)  # encrypted where it can be: the driver prefers that
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)
    finally:
        shutil.rmtree(home)


def _start(home: Path, url: sa.URL, certificate: Path | None, options: Sequence[str]) -> subprocess.Popen:
    user = _user()
    shutil.chown(home, user)
    encrypted = _encrypted_with(certificate, home, user) if certificate else ()
    # A temporary directory of its own: at its start a server deletes what others have in theirs, and those crash.
    common = ("--no-defaults", f"--datadir={home}", f"--tmpdir={home}", f"--user={user}")
    install = (_find("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db")
    subprocess.run(install, check=True, capture_output=True)
    local = (f"--socket={home}/server.sock", f"--pid-file={home}/server.pid")
    network = ("--bind-address=127.0.0.1", f"--port={url.port}", "--skip-name-resolve")
    with (home / "server.log").open("w") as log:
        return subprocess.Popen((_find("mariadbd"), *common, *local, *network, *encrypted, *options), stderr=log)


def _encrypted_with(certificate: Path, home: Path, user: str) -> tuple[str, ...]:
    own = shutil.copy(certificate, home / "server.pem")
    shutil.chown(own, user)
    return f"--ssl-cert={own}", f"--ssl-key={own}", "--require-secure-transport=ON"


def _user() -> str:
    """Who the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "mysql" if "mysql" in known else "nobody"


def _wait(process: subprocess.Popen, url: sa.URL, home: Path) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    deadline = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((home / "server.log").read_text())
            time.sleep(0.05)
        else:
            return


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
