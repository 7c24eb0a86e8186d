"""Compares what a router holds with what is wanted of its lines. Pure.

Only the router's word counts here: not what was reported of a line before, and not which task is open.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing.policies.rules import Off, OffWay

# Secrets of other services, such as a technician's way in by L2TP, are no lines of customers.
_SERVICES = ("any", "pppoe", "")


class Kind(StrEnum):
    """What is not as it should be."""

    ON_BUT_UNPAID = "on_but_unpaid"  # the user can dial in without a limit, and the line is wanted off
    OFF_BUT_PAID = "off_but_paid"  # disabled or limited, and wanted on
    SESSION_THOUGH_OFF = "session_though_off"  # disabled, and a session goes on
    WRONG_PROFILE = "wrong_profile"  # on as wanted, with another profile than it shall have
    NO_SECRET = "no_secret"  # noqa: S105  # wanted on, and the router has no secret of that name
    UNKNOWN_SECRET = "unknown_secret"  # noqa: S105  # enabled, or with a session, and no customer's


# What SetAccess mends; and a wrong profile, where a package says which one is right.
MENDABLE = frozenset({Kind.ON_BUT_UNPAID, Kind.OFF_BUT_PAID, Kind.SESSION_THOUGH_OFF})


class Access(StrEnum):
    """What a secret by itself lets its user do."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class HeldSecret:
    """A secret as the router holds it. `service`: such as "pppoe". `address_lists`: those on which its address is."""

    username: str
    access: Access
    profile: str = ""
    sessions: int = 0
    service: str = "any"
    address_lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WantedLine:
    """What is wanted of a customer's line. `off`: what "off" means there. `profile`: its package's, or empty. `open`:
    neither the account is closed nor the ISP.
    """

    customer_id: int
    username: str
    on: bool
    off: Off
    profile: str = ""
    open: bool = True


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as wanted. `customer_id`: 0 when the secret is no customer's."""

    kind: Kind
    username: str
    customer_id: int = 0
    secret: HeldSecret | None = None


def compare(lines: Iterable[WantedLine], secrets: Iterable[HeldSecret]) -> Iterator[Drift]:
    """Where they differ, by username. Both are of one router, and of the same span of usernames."""
    wanted = by_username(lines)
    held = {one.username: one for one in secrets}
    for username in sorted(wanted.keys() | held.keys()):
        line, secret = wanted.get(username), held.get(username)
        kind = _of_line(line, secret) if line else _of_nobody(held[username])
        if kind:
            yield Drift(kind, username, line.customer_id if line else 0, secret)


def by_username(lines: Iterable[WantedLine]) -> Mapping[str, WantedLine]:
    """A line that several customers have on record is on while it is wanted on for any of them who is not closed."""
    found: defaultdict[str, list[WantedLine]] = defaultdict(list)
    for line in lines:
        found[line.username].append(line)
    return {username: _chosen(several) for username, several in found.items()}


def _chosen(several: Sequence[WantedLine]) -> WantedLine:
    return max(several, key=lambda one: (one.open, one.on, -one.customer_id))


def _of_nobody(secret: HeldSecret) -> Kind | None:
    works = secret.access is not Access.DISABLED or secret.sessions
    return Kind.UNKNOWN_SECRET if works and secret.service in _SERVICES else None


def _of_line(line: WantedLine, secret: HeldSecret | None) -> Kind | None:
    if secret is None:
        return Kind.NO_SECRET if line.on else None
    if not line.on:
        return _of_one_off(line, secret)
    if is_off(line, secret):
        return Kind.OFF_BUT_PAID
    return Kind.WRONG_PROFILE if line.profile not in ("", secret.profile) else None


def _of_one_off(line: WantedLine, secret: HeldSecret) -> Kind | None:
    """A disabled secret is off whatever "off" means there: nobody has to be let in to be limited."""
    if secret.access is Access.DISABLED:
        return Kind.SESSION_THOUGH_OFF if secret.sessions else None
    return None if _is_limited(line.off, secret) else Kind.ON_BUT_UNPAID


def is_off(line: WantedLine, secret: HeldSecret) -> bool:
    """Whether a secret is off, disabled or as the line's policy has it."""
    return secret.access is Access.DISABLED or _is_limited(line.off, secret)


def _is_limited(off: Off, secret: HeldSecret) -> bool:
    """Whether an enabled secret is off as the policy has it."""
    if off.way is OffWay.PROFILE:
        return secret.profile == off.name
    return off.way is OffWay.ADDRESS_LIST and off.name in secret.address_lists
