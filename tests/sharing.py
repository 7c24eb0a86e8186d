"""One MySQL and one MariaDB for all workers of a run, which start beside the workers' collection.

A test that sets what holds for a whole server, or stops one, starts one of its own.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

# Where the workers find the addresses: a file named after each server.
DIRECTORY = "REJESHA_TEST_SERVERS"
# The workers' pools together; a server takes 151 else.
CONNECTIONS = "--max-connections=1000"
_LONGEST = 180


@contextmanager
def beside(running: AbstractContextManager[sa.URL], name: str, directory: Path) -> Iterator[None]:
    """Start a server in a thread, which writes its address when it answers; stop it at the end."""
    over = threading.Event()

    def run() -> None:
        with running as url:
            # Renamed when it is whole: nobody reads half an address.
            written = directory / f"{name}.new"
            written.write_text(url.render_as_string(hide_password=False))
            written.rename(directory / name)
            over.wait()

    thread = threading.Thread(target=run, name=name)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shared(name: str) -> sa.URL | None:
    """The address of the run's server, once it answers; None where the workers share none."""
    if DIRECTORY not in os.environ:
        return None
    address = Path(os.environ[DIRECTORY]) / name
    deadline = time.monotonic() + _LONGEST
    while not address.exists():
        if time.monotonic() > deadline:
            pytest.fail(f"{name} did not start within {_LONGEST} s")
        time.sleep(0.05)
    return sa.make_url(address.read_text())
