"""What is wanted of users, what is known of them, and what is to be written next. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from router_control.routeros.errors import AccessOutcome
from router_control.routeros.protocol import CONTROL_CHARACTERS

MAX_NAME = 100


def is_name(text: str) -> bool:
    """Whether a secret, a profile or a list may be asked for by this name."""
    return 1 <= len(text) <= MAX_NAME and not CONTROL_CHARACTERS.search(text)


class Access(enum.Enum):
    """Named as in the contract, where each is explained."""

    ENABLED = enum.auto()
    DISABLED = enum.auto()
    LIMITED = enum.auto()


@dataclass(frozen=True)
class Wanted:
    """What a router shall hold for a user. Empty: the profile is left, no address list is looked at."""

    access: Access
    profile: str = ""
    address_list: str = ""


@dataclass(frozen=True)
class Secret:
    """A PPPoE user's entry on the router. `address`: the fixed remote-address; empty when it has none."""

    id: str
    enabled: bool
    profile: str = ""
    address: str = ""


@dataclass(frozen=True)
class AccessResult:
    """One user's result. `access`, `profile`: what the router held last; None and empty when that is not known."""

    outcome: AccessOutcome
    access: Access | None = None
    sessions: int = 0
    detail: str = ""
    profile: str = ""


@dataclass(frozen=True)
class AccessResults:
    """`by_name`: one for each user. `router_name`: empty when there is no such router."""

    by_name: Mapping[str, AccessResult]
    router_name: str = ""


@dataclass(frozen=True)
class Write:
    """What to say about a secret: a verb of its menu, and the words that follow the ids."""

    verb: str
    words: tuple[str, ...] = ()

    @property
    def needs_no_session(self) -> bool:
        """Whether the user's sessions must have ended: they would go on in the old profile."""
        return bool(self.words)


DISABLE, ENABLE = Write("disable"), Write("enable")


def next_write(wanted: Wanted, secret: Secret) -> Write | None:
    """The next step from what a router holds to what is wanted; None when it holds that.

    Who changes profile is disabled first, and enabled with it: a secret that has the profile wanted and is enabled has
    then no session of an earlier one, wherever the router or we broke off.
    """
    if wanted.access is Access.DISABLED:
        return DISABLE if secret.enabled else None
    if changes_profile(wanted, secret):
        return DISABLE if secret.enabled else Write("set", (f"=profile={wanted.profile}", "=disabled=no"))
    return None if secret.enabled else ENABLE


def changes_profile(wanted: Wanted, secret: Secret) -> bool:
    """Whether the secret is to have another profile than it has."""
    return wanted.profile not in ("", secret.profile)


def held(secret: Secret) -> Access:
    """What a secret by itself lets its user do."""
    return Access.ENABLED if secret.enabled else Access.DISABLED


def warning(wanted: Wanted, secret: Secret) -> str:
    """Why a limit that the router holds may have no effect."""
    if wanted.access is Access.LIMITED and wanted.profile and not wanted.address_list and secret.address:
        return f"the secret's fixed address {secret.address} is kept, whatever pool the profile has"
    return ""
