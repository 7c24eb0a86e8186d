"""Who may log in over the API, and what they may do there."""

from dataclasses import dataclass, field

ALL_POLICIES = frozenset({"api", "read", "write", "sensitive"})


@dataclass(frozen=True)
class User:
    """A router's user. `policies`: "api" to log in, "read" to print, "write" to change, "sensitive" to see passwords.

    Writing does not include reading.
    """

    name: str
    password: str = field(repr=False)
    policies: frozenset[str] = ALL_POLICIES
