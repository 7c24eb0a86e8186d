"""Connections to routers: TCP or TLS, whose certificate is shown, and the login.

Owns to whom a password may be sent: only to the router that was there before, if that can be told.
"""

import binascii
import hashlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from router_control.routeros.errors import (
    CertificateChanged,
    Garbled,
    LoginRefused,
    TimedOut,
    Trap,
    Unreachable,
)
from router_control.routeros.protocol import Reply, Row, TimeLimit, Wire

# Connecting, TLS and login together: a router that cannot do that in five seconds is as good as down.
CONNECT_SECONDS = 5.0

# After a pause the peer may have vanished without a word (a reboot, a NAT that forgot us). Writing to it succeeds
# all the same; only silence tells, and it must not eat the time that a new connection needs.
_IDLE_SECONDS = 5.0
_IDLE_ANSWER_SECONDS = 2.5


@dataclass(frozen=True)
class Login:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Target:
    """Equal targets are the same place entered in the same way.

    `certificate`: the fingerprint that is remembered, or "". `remember`: takes a first one, answers which counts.
    """

    host: str
    port: int
    tls: bool
    verify_certificate: bool
    login: Login
    certificate: str = field(default="", compare=False)
    remember: Callable[[str], str] = field(default=lambda shown: shown, compare=False, repr=False)


class Connection:
    """A connection that is logged in. Any failure but a Trap closes it for good."""

    def __init__(self, target: Target, limit: TimeLimit) -> None:
        """Raises Unreachable, TimedOut, CertificateChanged, LoginRefused, SessionEnded, Garbled, AnswerTooLarge."""
        limit = limit.within(CONNECT_SECONDS)
        self._closed = False
        self._target = target
        sock, self._certificate = _open_socket(target, limit)
        self._wire = Wire(sock)
        self._last_answer = time.monotonic()
        try:
            self._log_in(target.login, limit)
        except BaseException:
            self.close()
            raise

    def serves(self, target: Target) -> bool:
        """Whether it is open and leads to `target`, by the certificate that is remembered now."""
        return not self._closed and self._target == target and target.certificate in {"", self._certificate}

    def close(self) -> None:
        self._closed = True
        self._wire.close()

    def command(self, *words: str, limit: TimeLimit, wanted: Callable[[Row], bool] = lambda _: True) -> list[Row]:
        """Send one command and return the `wanted` rows of its answer, values as text. Raises RouterFailure."""
        idle = time.monotonic() - self._last_answer > _IDLE_SECONDS
        try:
            return self._exchange(words, limit.within(_IDLE_ANSWER_SECONDS) if idle else limit, wanted).rows
        except Trap:
            raise
        except BaseException:
            self.close()
            raise

    def _exchange(
        self, words: tuple[str, ...], limit: TimeLimit, wanted: Callable[[Row], bool] = lambda _: False
    ) -> Reply:
        self._wire.write(words, limit)
        reply = Reply(wanted)
        while reply.done is None:
            reply.take(self._wire.read(limit))
        self._last_answer = time.monotonic()
        if reply.traps:
            raise Trap(reply.traps)
        return reply

    def _log_in(self, login: Login, limit: TimeLimit) -> None:
        """Log in as 6.43 and later want it; an older router ignores the password and answers with a challenge."""
        name = f"=name={login.username}"
        try:
            greeting = self._exchange(("/login", name, f"=password={login.password}"), limit)
            if challenge := (greeting.done or {}).get("ret"):
                self._exchange(("/login", name, f"=response={_response(login.password, challenge)}"), limit)
        except Trap as trap:
            raise LoginRefused(str(trap)) from trap


def _response(password: str, challenge: str) -> str:
    """The answer to an old router's challenge, which proves the password without sending it."""
    try:
        digest = hashlib.md5(b"\0" + password.encode() + binascii.unhexlify(challenge), usedforsecurity=False)
    except ValueError as error:
        raise Garbled("the challenge is not hexadecimal") from error
    return "00" + digest.hexdigest()


def _open_socket(target: Target, limit: TimeLimit) -> tuple[socket.socket, str]:
    """Connect to a router whose certificate is the one to expect; the socket, and the certificate as remembered.

    Without TLS, and where an authority vouches, none is remembered. Raises Unreachable, TimedOut, CertificateChanged.
    """
    sock = _connect(target.host, target.port, limit)
    if not target.tls:
        return sock, target.certificate
    wrapped = _wrap(sock, target.host, _context(target.verify_certificate), limit)
    if target.verify_certificate:
        return wrapped, target.certificate
    try:
        return wrapped, _recognised(_fingerprint(wrapped), target)
    except BaseException:
        wrapped.close()
        raise


def certificate_shown(host: str, port: int, limit: TimeLimit) -> str:
    """The fingerprint of what shows itself there; empty for TLS without a certificate. Raises Unreachable, TimedOut."""
    with _wrap(_connect(host, port, limit), host, _context(verify_certificate=False), limit) as sock:
        return _fingerprint(sock)


def _fingerprint(sock: ssl.SSLSocket) -> str:
    certificate = sock.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def _recognised(shown: str, target: Target) -> str:
    """What is remembered of this router: from now on what it shows, if that is the first certificate."""
    # Asked before the login, so that of two that show themselves at the same moment only one gets the password.
    remembered = target.certificate or (target.remember(shown) if shown else "")
    if shown == remembered:
        return remembered
    if not remembered:
        raise Unreachable("the router's registration was changed while it was being connected to")
    what = f"another certificate, SHA-256 {shown}," if shown else "no certificate"
    raise CertificateChanged(
        f"the router shows {what} and the one remembered is {remembered}; if it was replaced: rejesha router trust ID"
    )


def _connect(host: str, port: int, limit: TimeLimit) -> socket.socket:
    if not host:
        raise Unreachable("the router has no address")
    try:
        return _connect_to_any(host, port, limit)
    except (OSError, UnicodeError) as error:  # UnicodeError: the name cannot be a host's
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or error}") from error


def _connect_to_any(host: str, port: int, limit: TimeLimit) -> socket.socket:
    """Try each of the host's addresses in turn within the one limit."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for tried, (family, kind, protocol, _, address) in enumerate(found, start=1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(limit.remaining() / (len(found) - tried + 1), 0.001))
            sock.connect(address)
            _keep_alive(sock)
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


def _wrap(sock: socket.socket, host: str, context: ssl.SSLContext, limit: TimeLimit) -> ssl.SSLSocket:
    try:
        sock.settimeout(max(limit.remaining(), 0.001))
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException as error:
        sock.close()
        raise _named(error) from error


def _context(verify_certificate: bool) -> ssl.SSLContext:
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
