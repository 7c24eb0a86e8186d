"""The HTTP server under the application: how it listens, whom it lets in, and how it ends."""

import asyncio
import resource
import socket

import uvicorn
from starlette.types import ASGIApp

from gateway.app import Lifecycle
from gateway.connections import Limits, connections_of

# How long requests under way may take to end after a stop was asked for, in seconds.
_GRACE = 10
# How many connections may wait to be accepted; uvicorn's own figure.
_BACKLOG = 2048
# More than this is of no use to us, and some systems offer a thousand million.
_MAX_FILES = 65_536


class Server(uvicorn.Server):
    """uvicorn that says it is not ready before it refuses connections."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_seconds: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds

    async def main_loop(self) -> None:
        """Serve until a signal; then let load balancers see /readyz before connections are refused."""
        await super().main_loop()
        self._lifecycle.stopping.set()
        await asyncio.sleep(self._drain_seconds)


def configuration(app: ASGIApp, host: str, port: int, limits: Limits) -> uvicorn.Config:
    """How uvicorn is to run `app`."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=connections_of(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,  # paths hold secrets
        proxy_headers=False,  # gateway.callbacks.rules decides whom to believe
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens already: where the port is taken, nothing is kept and no task leased. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def limits_of_this_process() -> Limits:
    """The usual ones; fewer connections where files are scarce: as many files are left for all else."""
    return Limits(connections=min(Limits().connections, raise_file_limit() // 2))


def raise_file_limit() -> int:
    """Allow this process as many open files as its system lets it have; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _MAX_FILES if soft == resource.RLIM_INFINITY else soft
