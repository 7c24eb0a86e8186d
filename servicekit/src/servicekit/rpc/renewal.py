"""Certificates that are replaced while a process runs: read again when their files change, without a lost call.

A server asks for the certificate at each new connection; a channel of asyncio is replaced by a new one, and the calls
under way end on the old one.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import grpc
import structlog

from servicekit.rpc import certificates
from servicekit.rpc.certificates import Certificate, CertificateUnusable

log = structlog.get_logger()

# How long calls may go on on a channel that was replaced, in seconds: longer than any deadline of ours.
_GRACE_SECONDS = 60

# Of each file: its inode, when it was written, when its owner or mode was set, and its size.
Stamp = tuple[tuple[int, int, int, int], ...]


class RenewedCertificate:
    """The certificate that is in a directory now. One that cannot be used is left aside: the last one goes on."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Put together once: a channel looks at each call.
        self._files = [directory / name for name in (certificates.KEY, certificates.CHAIN, certificates.AUTHORITY)]
        self._stamp = self._look()
        self._read = self._usable()

    def current(self) -> Certificate:
        """The same object until the files have changed."""
        stamp = self._look()
        if stamp != self._stamp:
            self._renew(stamp)
        return self._read

    def _renew(self, stamp: Stamp) -> None:
        try:
            found = self._usable()
        except CertificateUnusable as error:
            log.warning("certificate_unusable", detail=str(error))
        else:
            if self._look() != stamp:
                return  # they are being replaced just now: the next look finds them whole
            self._read = found
            log.info("certificate_renewed", directory=str(self._directory))
        self._stamp = stamp

    def _usable(self) -> Certificate:
        certificates.check(self._directory)
        return certificates.read(self._directory)

    def _look(self) -> Stamp:
        return tuple(map(_stamp_of, self._files))


def _stamp_of(path: Path) -> tuple[int, int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0, 0
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def for_server(certificate: RenewedCertificate) -> grpc.ServerCredentials:
    """Credentials of a server that lets nobody in without a certificate, and looks at its own at each connection."""
    shown = certificate.current()

    def fetch() -> Any:
        nonlocal shown
        found = certificate.current()
        if found is shown:
            return None  # it goes on with the one it has
        shown = found
        return found.for_server()

    return grpc.dynamic_ssl_server_credentials(shown.for_server(), fetch, require_client_authentication=True)


class RenewedChannel:
    """As much of a grpc.aio.Channel as stubs need; `open_channel` makes the true one."""

    def __init__(
        self, certificate: RenewedCertificate, open_channel: Callable[[Certificate], grpc.aio.Channel]
    ) -> None:
        self._certificate = certificate
        self._open = open_channel
        self._used = certificate.current()
        self._channel = open_channel(self._used)
        self._retired: set[asyncio.Task[None]] = set()

    def unary_unary(self, *method: Any, **options: Any) -> Callable[..., Any]:
        """What calls a method on the channel of the moment; so do the others."""
        return self._calling(lambda channel: channel.unary_unary(*method, **options))

    def unary_stream(self, *method: Any, **options: Any) -> Callable[..., Any]:
        return self._calling(lambda channel: channel.unary_stream(*method, **options))

    def _calling(self, make: Callable[[grpc.aio.Channel], Callable[..., Any]]) -> Callable[..., Any]:
        made_on = lru_cache(maxsize=1)(make)
        made_on(self._channel)  # not while a first caller waits

        def call(*request: Any, **how: Any) -> Any:
            return made_on(self._current())(*request, **how)

        return call

    async def close(self) -> None:
        """Close it; calls still under way end with CANCELLED."""
        for task in self._retired:
            task.cancel()
        await self._channel.close()

    def _current(self) -> grpc.aio.Channel:
        found = self._certificate.current()
        if found is not self._used:
            closing = asyncio.ensure_future(self._channel.close(_GRACE_SECONDS))
            self._retired.add(closing)
            closing.add_done_callback(self._retired.discard)
            self._used, self._channel = found, self._open(found)
        return self._channel
