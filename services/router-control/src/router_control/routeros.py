"""A client for one connection to one router: log in, say a command, read its rows.

Owns both generations of login. Not safe for several threads: one command at a time is in flight.
"""

import binascii
import hashlib
import time
from collections.abc import Callable

from router_control.answer import Answer, Row
from router_control.deadline import Deadline
from router_control.failures import Garbled, LoginRefused, Trap
from router_control.target import Login, Target
from router_control.transport import open_socket
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
        """Raises Unreachable, TimedOut, CertificateChanged, LoginRefused, SessionEnded, Garbled, AnswerTooLarge."""
        limit = deadline.within(CONNECT_SECONDS)
        self._closed = False
        self._target = target
        sock, self._certificate = open_socket(target, limit)
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
