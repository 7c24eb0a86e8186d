"""Where a router is and how to get in: all that a connection depends on."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Target:
    """Two equal targets can share a connection; a changed one needs a new connection."""

    host: str
    port: int
    tls: bool
    verify_certificate: bool
    login: Login
