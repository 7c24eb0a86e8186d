"""What a request may name, and what is known of one user afterwards. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from router_control.lines.errors import InvalidAccessRequest
from router_control.routeros.errors import AccessOutcome
from router_control.routeros.protocol import has_control_characters

MAX_USERS = 1000


@dataclass(frozen=True)
class AccessResult:
    """One user's result. `enabled`: what the router held last, None when that is not known."""

    outcome: AccessOutcome
    enabled: bool | None = None
    sessions: int = 0
    detail: str = ""


def check_names(names: Sequence[str]) -> None:
    """Refuse what breaks the contract. Raises InvalidAccessRequest."""
    if not 1 <= len(names) <= MAX_USERS:
        raise InvalidAccessRequest(f"a request names 1 to {MAX_USERS} users, this one {len(names)}")
    for position, name in enumerate(names):
        if not 1 <= len(name) <= 100 or has_control_characters(name):
            raise InvalidAccessRequest(
                f"username {position} (from 0) must have 1 to 100 characters, none of them a control character"
            )
    if len(set(names)) < len(names):
        raise InvalidAccessRequest("a request names each user at most once")
