"""Where a router is, how it is known and how to get in: all that a connection depends on."""

from collections.abc import Callable
from dataclasses import dataclass, field


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
