"""What is known of users after a call. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from router_control.routeros.errors import AccessOutcome


@dataclass(frozen=True)
class AccessResult:
    """One user's result. `enabled`: what the router held last, None when that is not known."""

    outcome: AccessOutcome
    enabled: bool | None = None
    sessions: int = 0
    detail: str = ""


@dataclass(frozen=True)
class AccessResults:
    """`by_name`: one for each user. `router_name`: empty when there is no such router."""

    by_name: Mapping[str, AccessResult]
    router_name: str = ""
