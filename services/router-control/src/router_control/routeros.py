"""A client for one connection to one router: connect, log in, say a command, read its rows.

Owns TLS and both generations of login. Not safe for several threads: one command at a time is in flight.
"""

import binascii
import hashlib
import socket
import ssl
import time
from collections.abc import Callable

from router_control.answer import Answer, Row
from router_control.deadline import Deadline
from router_control.failures import Garbled, LoginRefused, TimedOut, Trap, Unreachable
from router_control.target import Login, Target
from router_control.wire import Wire

# Connecting, TLS and login together: a router that cannot do that in five seconds is as good as down.
CONNECT_SECONDS = 5.0

# After a pause the peer may have vanished without a word (a reboot, a NAT that forgot us). Writing to it succeeds
# all the same; only silence tells, and it must not eat the time that a new connection needs.
_RESTED_SECONDS = 5.0
_RESTED_PATIENCE = 2.5


class Connection:
    """A connection that is logged in. Any failure but a Trap closes it for good."""

    def __init__(self, target: Target, deadline: Deadline) -> None:
        """Raises Unreachable, TimedOut, LoginRefused, SessionEnded, Garbled."""
        limit = deadline.within(CONNECT_SECONDS)
        self.closed = False
        self._wire = Wire(_open(target, limit))
        self._last_answer = time.monotonic()
        try:
            self._log_in(target.login, limit)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.closed = True
        self._wire.close()

    def say(self, *words: str, deadline: Deadline, wanted: Callable[[Row], bool] = lambda _: True) -> list[Row]:
        """Say one command and return the `wanted` rows of its answer, values as text. Raises RouterFailure."""
        rested = time.monotonic() - self._last_answer > _RESTED_SECONDS
        limit = deadline.within(_RESTED_PATIENCE) if rested else deadline
        try:
            return self._exchange(words, limit, wanted).rows
        except Trap:
            raise
        except BaseException:
            self.close()
            raise

    def _exchange(
        self, words: tuple[str, ...], deadline: Deadline, wanted: Callable[[Row], bool] = lambda _: False
    ) -> Answer:
        self._wire.write(words, deadline)
        answer = Answer(wanted)
        while answer.done is None:
            answer.take(self._wire.read(deadline))
        self._last_answer = time.monotonic()
        if answer.traps:
            raise Trap(answer.traps)
        return answer

    def _log_in(self, login: Login, deadline: Deadline) -> None:
        """Log in as 6.43 and later want it; an older router ignores the password and answers with a challenge."""
        name = f"=name={login.username}"
        try:
            greeting = self._exchange(("/login", name, f"=password={login.password}"), deadline)
            if challenge := (greeting.done or {}).get("ret"):
                self._exchange(("/login", name, f"=response={_response(login.password, challenge)}"), deadline)
        except Trap as trap:
            raise LoginRefused(str(trap)) from trap


def _response(password: str, challenge: str) -> str:
    """The answer to an old router's challenge, which proves the password without sending it."""
    try:
        digest = hashlib.md5(b"\0" + password.encode() + binascii.unhexlify(challenge), usedforsecurity=False)
    except ValueError as error:
        raise Garbled("the challenge is not hexadecimal") from error
    return "00" + digest.hexdigest()


def _open(target: Target, deadline: Deadline) -> socket.socket:
    if not target.host:
        raise Unreachable("the router has no address")
    try:
        sock = _connect(target, deadline)
    except (OSError, UnicodeError) as error:  # UnicodeError: the name cannot be a host's
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or error}") from error
    try:
        _keep_alive(sock)
        return _wrap(sock, target, deadline) if target.tls else sock
    except BaseException as error:
        sock.close()
        raise _named(error) from error


def _connect(target: Target, deadline: Deadline) -> socket.socket:
    """Try each of the host's addresses in turn within the one deadline."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    for tried, (family, kind, protocol, _, address) in enumerate(found, start=1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(deadline.remaining() / (len(found) - tried + 1), 0.001))
            sock.connect(address)
        except OSError:
            sock.close()
            if tried == len(found):
                raise
        else:
            return sock
    raise OSError("the host has no address")


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a dead peer within about 45 s, and keep NATs on the way from forgetting us."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _wrap(sock: socket.socket, target: Target, deadline: Deadline) -> ssl.SSLSocket:
    sock.settimeout(max(deadline.remaining(), 0.001))
    return _tls_context(target.verify_certificate).wrap_socket(sock, server_hostname=target.host)


def _tls_context(verify_certificate: bool) -> ssl.SSLContext:
    if verify_certificate:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # A router without a certificate speaks anonymous Diffie-Hellman only, which today's defaults forbid (and
    # "DEFAULT:ADH" still forbids). It comes last, so that a router with a certificate uses that.
    context.set_ciphers("HIGH:+aNULL:@SECLEVEL=0")
    return context


def _named(error: BaseException) -> BaseException:
    """A failure of the TLS handshake by its own name."""
    if isinstance(error, TimeoutError):
        return TimedOut("no answer to TLS in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(f"the certificate is not valid: {error.verify_message}")
    if isinstance(error, OSError):
        return Unreachable(f"TLS failed: {error.strerror or error}")
    return error
