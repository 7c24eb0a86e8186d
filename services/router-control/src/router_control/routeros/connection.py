"""A connection to a router that is logged in: connecting, TLS where it is wanted, the login, commands."""

import socket
from collections.abc import Callable

from router_control.routeros import identity
from router_control.routeros.errors import Garbled, LoginRefused, NeedsTls, Trap, Unreachable
from router_control.routeros.identity import Login, Target
from router_control.routeros.protocol import Row, TimeLimit, Wire

# Connecting, TLS and login together: a router that cannot do that in five seconds is as good as down.
CONNECT_SECONDS = 5.0
_NEEDS_TLS = "the port speaks TLS only (api-ssl), and the router is registered without: rejesha router update ID --tls"


class Connection:
    """A connection that is logged in. Any failure but a Trap closes it for good."""

    def __init__(self, target: Target, limit: TimeLimit) -> None:
        """Raises RouterFailure: any of them but Trap."""
        limit = limit.within(CONNECT_SECONDS)
        sock = connect(target.host, target.port, limit)
        self._target = target
        self._wire = Wire(identity.secured(sock, target, limit) if target.tls else sock)
        try:
            self._log_in(target.login, limit)
        except (Unreachable, Garbled) as failure:
            self.close()
            if not target.tls and identity.speaks_tls(target, limit):
                raise NeedsTls(_NEEDS_TLS) from failure
            raise
        except BaseException:
            self.close()
            raise

    def serves(self, target: Target) -> bool:
        """Whether it is open and leads there, by the certificate that is remembered now."""
        return not self._wire.closed and self._target == target and self._target.certificate == target.certificate

    def close(self) -> None:
        self._wire.close()

    def command(self, *words: str, limit: TimeLimit, wanted: Callable[[Row], bool] = lambda _: True) -> list[Row]:
        """Send one command and return the `wanted` rows of its answer, values as text. Raises RouterFailure."""
        return self._wire.ask(words, limit, wanted).rows

    def _log_in(self, login: Login, limit: TimeLimit) -> None:
        """Log in as 6.43 and later want it; an older router ignores the password and answers with a challenge."""
        name = f"=name={login.username}"
        try:
            greeting = self._wire.ask(("/login", name, f"=password={login.password}"), limit)
            if challenge := (greeting.done or {}).get("ret"):
                self._wire.ask(("/login", name, f"=response={login.response_to(challenge)}"), limit)
        except Trap as trap:
            raise LoginRefused(str(trap)) from trap


def connect(host: str, port: int, limit: TimeLimit) -> socket.socket:
    """A socket on which nothing was said yet. Raises Unreachable."""
    if not host:
        raise Unreachable("the router has no address")
    try:
        sock = socket.create_connection((host, port), timeout=max(limit.remaining(), 0.001))
    except (OSError, UnicodeError) as error:  # UnicodeError: the name cannot be a host's
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or error}") from error
    _keep_alive(sock)
    return sock


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a dead peer within about 45 s, and keep NATs on the way from forgetting us."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
