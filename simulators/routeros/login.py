"""Logging in: the plain way and the older challenge, and how long a router puts up with failing."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from simulators.routeros.router import Router
from simulators.routeros.sentences import Command, to_bytes
from simulators.routeros.traps import Trap
from simulators.routeros.users import User

_STRIKES = 5


class TooManyAttempts(Exception):
    """The router has had enough of this connection."""


class BadCredentials(Trap):
    """Name or password is wrong, in the words of the generation."""


class Login:
    """The log-in of one connection."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._challenge: bytes | None = None
        self._failures = 0

    def attempt(self, command: Command) -> User | str:
        """The user who is now logged in, or the challenge to answer. Raises BadCredentials, TooManyAttempts."""
        if self._wants_challenge(command.attributes):
            self._challenge = secrets.token_bytes(16)
            return self._challenge.hex()
        user = self._router.users.get(command.attributes.get("name", ""))
        allowed = user is not None and "api" in user.policies and self._proves(user, command.attributes)
        self._router.logins[allowed] += 1
        if user is None or not allowed:
            raise self._failure()
        return user

    def _wants_challenge(self, given: Mapping[str, str]) -> bool:
        """An old router reads a name and a password as a bare login; those in between take both ways."""
        version = self._router.version
        if "response" in given or not version.takes_challenge_login:
            return False
        return not (version.takes_plain_login and "password" in given)

    def _proves(self, user: User, given: Mapping[str, str]) -> bool:
        password = to_bytes(user.password)
        if "response" not in given:
            return hmac.compare_digest(password, to_bytes(given.get("password", "")))
        challenge, self._challenge = self._challenge, None
        if challenge is None or not self._router.version.takes_challenge_login:
            return False
        return hmac.compare_digest(answer(password, challenge), given["response"].lower())

    def _failure(self) -> Exception:
        self._failures += 1
        if self._failures >= _STRIKES:
            return TooManyAttempts()
        plain = self._router.version.takes_plain_login
        return BadCredentials("invalid user name or password (6)" if plain else "cannot log in")


def answer(password: bytes, challenge: bytes) -> str:
    """The response to a challenge."""
    return "00" + hashlib.md5(b"\x00" + password + challenge).hexdigest()
