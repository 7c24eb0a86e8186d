"""Which router is meant, and under TLS whether that one is there.

Owns to whom a password may be sent: only to the router that was there before, if that can be told.
"""

import binascii
import hashlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from router_control.routeros.errors import CertificateChanged, Garbled, RouterFailure, TimedOut, Unreachable
from router_control.routeros.protocol import TimeLimit


@dataclass(frozen=True)
class Login:
    username: str
    password: str = field(repr=False)

    def response_to(self, challenge: str) -> str:
        """The answer to an old router's challenge, which proves the password without sending it. Raises Garbled."""
        try:
            digest = hashlib.md5(b"\0" + self.password.encode() + binascii.unhexlify(challenge), usedforsecurity=False)
        except ValueError as error:
            raise Garbled("the challenge is not hexadecimal") from error
        return "00" + digest.hexdigest()


@dataclass(frozen=True)
class Target:
    """Where a router is, and how to get in. Equal targets are the same place entered in the same way.

    `certificate`: the fingerprint that is remembered, or "". `remember`: takes a first one, answers which counts.
    """

    host: str
    port: int
    tls: bool
    verify_certificate: bool
    login: Login
    certificate: str = field(default="", compare=False)
    remember: Callable[[str], str] = field(default=lambda shown: shown, compare=False, repr=False)


def secured(sock: socket.socket, target: Target, limit: TimeLimit) -> ssl.SSLSocket:
    """The socket under TLS, with the router at its end that is meant. Raises Unreachable, TimedOut, CertificateChanged.

    Where an authority vouches, no certificate is remembered.
    """
    wrapped = wrap(sock, target.host, limit, verify_certificate=target.verify_certificate)
    try:
        if not target.verify_certificate:
            _recognise(fingerprint(wrapped), target)
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def speaks_tls(target: Target, limit: TimeLimit) -> bool:
    """Whether TLS is spoken at a router's port; nothing is sent that a plain port would take for a login."""
    try:
        sock = socket.create_connection((target.host, target.port), timeout=max(limit.remaining(), 0.001))
        wrap(sock, target.host, limit).close()
    except (OSError, RouterFailure):
        return False
    return True


def wrap(sock: socket.socket, host: str, limit: TimeLimit, *, verify_certificate: bool = False) -> ssl.SSLSocket:
    """The socket under TLS, whoever is there. Raises Unreachable, TimedOut."""
    try:
        sock.settimeout(max(limit.remaining(), 0.001))
        return _context(verify_certificate).wrap_socket(sock, server_hostname=host)
    except BaseException as error:
        sock.close()
        raise _named(error) from error


def fingerprint(sock: ssl.SSLSocket) -> str:
    """SHA-256 of the certificate shown, as 64 hexadecimal digits; "" for TLS without one."""
    certificate = sock.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def _recognise(shown: str, target: Target) -> None:
    """Refuse another certificate than the one remembered, which the first one is from now on."""
    # Asked before the login, so that of two that show themselves at the same moment only one gets the password.
    remembered = target.certificate or (target.remember(shown) if shown else "")
    if shown == remembered:
        return
    if not remembered:
        raise Unreachable("the router's registration was changed while it was being connected to")
    what = f"another certificate, SHA-256 {shown}," if shown else "no certificate"
    raise CertificateChanged(
        f"the router shows {what} and the one remembered is {remembered}; if it was replaced: rejesha router trust ID"
    )


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
