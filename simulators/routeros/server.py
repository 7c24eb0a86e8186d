"""Puts routers on the network: listening sockets, connection limits, and a thread for callers without a loop."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Self

from simulators.routeros.router import Router
from simulators.routeros.sender import Sender
from simulators.routeros.session import Session


class Door:
    """One port of a router. Lives on the event loop."""

    def __init__(self, router: Router, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._router = router
        self._host = host
        self._port = port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sessions: dict[asyncio.Task[None], Sender] = {}

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            bound = _bound(self._host, self._port)
            self._server = await asyncio.start_server(self._accept, sock=bound, ssl=self._tls, backlog=1024)

    async def shut(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        """Reset every connection."""
        for sender in self._sessions.values():
            sender.reset()

    async def close(self) -> None:
        """Listen no more, and end every connection and what still runs for it."""
        await self.shut()
        self.cut()
        for task in self._sessions:
            task.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = Sender(writer)
        self._router.connections_accepted += 1
        if self._router.connections_open >= self._router.max_sessions:
            sender.close()
            return
        self._router.connections_open += 1
        task = asyncio.create_task(Session(self._router, reader, sender).serve())
        self._sessions[task] = sender
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._sessions[task]
        self._router.connections_open -= 1


def _bound(host: str, port: int) -> socket.socket:
    """A socket that nobody listens on yet, beside others of the same port that nobody listens on. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class RouterServer:
    """Serves a router from a background thread; `with` starts and stops it.

    Port 0 takes a free one, which `port` then tells. With `tls` there is a second port, `tls_port`, for API over TLS.
    The ports stay reserved until the end of `with`: a router that was stopped, or refuses connections, gets them back.
    """

    def __init__(
        self,
        router: Router,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        tls_port: int = 0,
    ) -> None:
        self.router = router
        self.host = host
        self.port = port
        self.tls_port = tls_port
        self._tls = tls
        self._doors: list[Door] = []
        self._reserved: list[socket.socket] = []
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> Self:
        """Listen; returns once connections are taken. Raises OSError where a port is taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self.router.name, daemon=True)
        self._thread.start()
        try:
            self._in_loop(self._open)
        except OSError:
            self._end_loop()
            raise
        self.router.faults.watch(self._follow_faults)
        self._unwatch = self.router.watch_reboots(self._cut)
        return self

    def stop(self) -> None:
        """Go off the network, as a router without power: connections are reset, the port refuses."""
        if self._thread is None:
            return
        self.router.faults.unwatch(self._follow_faults)
        self._unwatch()
        self._in_loop(self._close)
        self._end_loop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        self._release()

    async def _open(self) -> None:
        try:
            self._reserve()
            self._doors = [Door(self.router, self.host, self.port, None)]
            if self._tls is not None:
                self._doors.append(Door(self.router, self.host, self.tls_port, self._tls))
            await self._obey_faults()
        except OSError:
            await self._close()
            self._release()
            raise

    def _reserve(self) -> None:
        """For as long as these sockets are open, which are never listened on."""
        if not self._reserved:
            self._reserved.append(_bound(self.host, self.port))
            self.port = self._reserved[0].getsockname()[1]
            if self._tls is not None:
                self._reserved.append(_bound(self.host, self.tls_port))
                self.tls_port = self._reserved[1].getsockname()[1]

    def _release(self) -> None:
        while self._reserved:
            self._reserved.pop().close()

    async def _obey_faults(self) -> None:
        for door in self._doors:
            if self.router.faults.refusing:
                await door.shut()
                door.cut()
            else:
                await door.open()

    async def _close(self) -> None:
        for door in self._doors:
            await door.close()

    async def _cut_all(self) -> None:
        for door in self._doors:
            door.cut()

    def _follow_faults(self) -> None:
        self._in_loop(self._obey_faults)

    def _cut(self) -> None:
        """Also called on the loop, by a fault that restarts the router."""
        if threading.current_thread() is self._thread:
            for door in self._doors:
                door.cut()
        else:
            self._in_loop(self._cut_all)

    def _in_loop(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout=30)

    def _end_loop(self) -> None:
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None
        self._loop.close()
