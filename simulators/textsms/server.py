"""Runs the simulator: as a process of its own, or on a thread of a test."""

import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from simulators.textsms.app import create_app
from simulators.textsms.exchange import Account, Exchange
from simulators.textsms.faults import Fault, Faults
from simulators.textsms.inbox import Inbox, Received

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _WithTransport:
    """Hands the connection's transport to the application, which resets it on demand."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http":
            # `send` is a method of uvicorn's request cycle.
            scope["transport"] = send.__self__.transport  # type: ignore[attr-defined]
        await self._app(scope, receive, send)


class TextSmsSimulator:
    """A TextSMS account behind HTTP. `with TextSmsSimulator() as sms:` serves on `sms.url` until the block ends."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        account: Account | None = None,
        state_file: Path | None = None,
        credits_left: int = 1_000_000,
    ) -> None:
        self._exchange = Exchange(account or Account(), Inbox(state_file), Faults(), credits_left=credits_left)
        self._app = create_app(self._exchange)
        self._socket = socket.create_server((host, port))
        self.host, self.port = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            _WithTransport(self._app),
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            # A stop does not wait for calls that a fault holds back.
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.serve, name="textsms", daemon=True)

    @property
    def url(self) -> str:
        """The base address for a client, with the path that the real one has."""
        return f"http://{self.host}:{self.port}/api/services/"

    @property
    def calls(self) -> list[tuple[str, int]]:
        """All calls so far: endpoint and number of messages."""
        return list(self._app.state.calls)

    def serve(self) -> None:
        """Serve until stopped; on the main thread until SIGTERM or SIGINT."""
        self._server.run(sockets=[self._socket])

    def inbox(self, mobile: str = "") -> list[Received]:
        """The messages taken, or those to one number; newest last."""
        return self._exchange.inbox.read(mobile)

    def clear_inbox(self) -> None:
        self._exchange.inbox.clear()

    def add_fault(self, fault: Fault) -> None:
        self._exchange.faults.add(fault)

    def clear_faults(self) -> None:
        self._exchange.faults.clear()

    def start(self) -> None:
        """Serve on a thread; the port takes connections already."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; the port refuses connections from then on."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
