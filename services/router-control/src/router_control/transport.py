"""A socket to a router, over TCP or TLS, and the certificate that it shows.

Owns whom a password may be sent to: what comes out of here is the router that it was before, if that can be told.
"""

import hashlib
import socket
import ssl

from router_control.deadline import Deadline
from router_control.failures import CertificateChanged, TimedOut, Unreachable
from router_control.target import Target


def open_socket(target: Target, deadline: Deadline) -> tuple[socket.socket, str]:
    """Connect to a router whose certificate is the one to expect; the socket, and the certificate as remembered.

    Without TLS, and where an authority vouches, none is remembered. Raises Unreachable, TimedOut, CertificateChanged.
    """
    sock = _connect(target.host, target.port, deadline)
    if not target.tls:
        return sock, target.certificate
    wrapped = _wrap(sock, target.host, _context(target.verify_certificate), deadline)
    if target.verify_certificate:
        return wrapped, target.certificate
    try:
        return wrapped, _recognised(_fingerprint(wrapped), target)
    except BaseException:
        wrapped.close()
        raise


def certificate_shown(host: str, port: int, deadline: Deadline) -> str:
    """The fingerprint of what shows itself there; empty for TLS without a certificate. Raises Unreachable, TimedOut."""
    with _wrap(_connect(host, port, deadline), host, _context(verify_certificate=False), deadline) as sock:
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


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    if not host:
        raise Unreachable("the router has no address")
    try:
        return _connect_to_any(host, port, deadline)
    except (OSError, UnicodeError) as error:  # UnicodeError: the name cannot be a host's
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or error}") from error


def _connect_to_any(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Try each of the host's addresses in turn within the one deadline."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for tried, (family, kind, protocol, _, address) in enumerate(found, start=1):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(deadline.remaining() / (len(found) - tried + 1), 0.001))
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


def _wrap(sock: socket.socket, host: str, context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLSocket:
    try:
        sock.settimeout(max(deadline.remaining(), 0.001))
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
