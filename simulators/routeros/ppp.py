"""PPP on a router: its secrets, profiles and live sessions, and the rules that hold between them.

Not thread-safe; Router holds the lock. Errors are the traps a router answers with.
"""

import contextlib
import ipaddress
import itertools
import random
import time
from collections.abc import Callable, Mapping

from simulators.routeros import traps
from simulators.routeros.firewall import AddressLists
from simulators.routeros.tables import Table, Values
from simulators.routeros.values import boolean, duration, parse_boolean
from simulators.routeros.versions import Version

SERVICES = frozenset({"any", "async", "isdn", "l2tp", "pppoe", "pptp", "ovpn", "sstp"})
_DEFAULTS = {
    "service": "any",
    "caller-id": "",
    "password": "",
    "profile": "default",
    "routes": "",
    "limit-bytes-in": "0",
    "limit-bytes-out": "0",
    "disabled": "false",
}
_PROFILE_DEFAULTS = {"use-compression": "default", "only-one": "default", "change-tcp-mss": "yes", "default": "false"}


class DialRefused(Exception):
    """The router does not let this user in; the message says why."""


class Ppp:
    """The /ppp menus' rows, and the address lists that sessions put addresses on.

    `first_id` is the number of the first row's id.
    """

    def __init__(self, version: Version, first_id: int) -> None:
        self._version = version
        self.address_lists = AddressLists(version, first_id)
        self.secrets = Table(first_id)
        self.profiles = Table()
        self.active = Table(first_id)
        self._last_host = itertools.count(2)
        self._started: dict[str, float] = {}
        for name in ("default", "default-encryption"):
            self.profiles.add({**_PROFILE_DEFAULTS, "name": name, "default": "true"})

    def add_secret(self, values: Mapping[str, str]) -> str:
        if not values.get("name"):
            raise traps.MissingArgument("name")
        checked = self._checked(values)
        self._refuse_duplicate(values["name"], None)
        kept = {name: value for name, value in checked.items() if value is not None}
        return self.secrets.add({"name": "", **_DEFAULTS, **kept, "last-logged-out": self._version.moment(0)})

    def change_secret(self, row_id: str, values: Mapping[str, str]) -> None:
        """Set properties of a secret. A live session of it is not touched, not even by disabling."""
        checked = self._checked(values)
        if "name" in values:
            self._refuse_duplicate(values["name"], row_id)
        self.secrets.change(row_id, checked)

    def unset_secret(self, row_id: str, name: str) -> None:
        if name not in _CHECKS or name in ("name", "disabled"):
            raise traps.NoMatchingValue("value-name")
        self.secrets.change(row_id, {name: _DEFAULTS.get(name)})

    def add_profile(self, values: Mapping[str, str]) -> str:
        return self.profiles.add({**_PROFILE_DEFAULTS, **values})

    def dial(self, name: str, properties: Mapping[str, str]) -> str:
        """Let a user in as the router would; returns the session's id. Raises DialRefused."""
        ids = self.secrets.named(name)
        secret = self.secrets.get(ids[0]) if ids else None
        if secret is None:
            raise DialRefused(f"{name}: no such secret")
        if secret["disabled"] == "true":
            raise DialRefused(f"{name}: the secret is disabled")
        if self._only_one(secret["profile"]):
            for session in self.active.named(name):
                self.hang_up(session)
        number = next(self._last_host)
        session = self.active.add(
            {
                "name": name,
                "service": "pppoe" if secret["service"] == "any" else secret["service"],
                "caller-id": "02:00:00:" + ":".join(f"{random.randrange(256):02X}" for _ in range(3)),
                "address": secret.get("remote-address", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"),
                "encoding": "",
                "session-id": f"0x{0x81000000 + number:x}",
                "limit-bytes-in": secret["limit-bytes-in"],
                "limit-bytes-out": secret["limit-bytes-out"],
                "radius": "false",
                **properties,
            }
        )
        self._started[session] = time.monotonic()
        self._list(name, secret["profile"], session)
        return session

    def hang_up(self, session: str) -> None:
        """End a session and leave its trace on the secret."""
        ended = self.active.remove(session)
        name = ended["name"]
        self._started.pop(session)
        self.address_lists.forget(ended["address"], _by_session(name))
        for secret in self.secrets.named(name):
            self.secrets.change(
                secret,
                {
                    "last-logged-out": self._version.moment(time.time()),
                    "last-disconnect-reason": "admin-reset",
                },
            )

    def uptime(self, session: str) -> str:
        now = time.monotonic()
        return duration(now - self._started.get(session, now))

    def reboot(self) -> None:
        """All sessions gone, all ids new."""
        self.active.clear()
        self._started.clear()
        self.secrets.renumber()
        self.profiles.renumber()
        self.address_lists.reboot()

    def _list(self, name: str, profile: str, session: str) -> None:
        """Put a session's address on the list that the profile names; an address that is on it already stays."""
        rows = [self.profiles.get(row_id) or {} for row_id in self.profiles.named(profile)]
        values = {"address": (self.active.get(session) or {})["address"], "comment": _by_session(name)}
        for listed in {row["address-list"] for row in rows if row.get("address-list")}:
            with contextlib.suppress(traps.DuplicateEntry):
                self.address_lists.add({"list": listed, **values}, dynamic=True)

    def _only_one(self, profile: str) -> bool:
        return any(
            (self.profiles.get(row_id) or {}).get("only-one") == "yes" for row_id in self.profiles.named(profile)
        )

    def _refuse_duplicate(self, name: str, own_id: str | None) -> None:
        if any(row_id != own_id for row_id in self.secrets.named(name)):
            raise traps.DuplicateName("secret")

    def _checked(self, values: Mapping[str, str]) -> dict[str, str | None]:
        """The values as the router keeps them; an empty one takes an optional property away."""
        checked: dict[str, str | None] = {}
        for name, value in values.items():
            if name not in _CHECKS:
                raise traps.UnknownParameter
            if value == "" and name in _OPTIONAL:
                checked[name] = None
            else:
                checked[name] = _CHECKS[name](name, value)
        profile = values.get("profile")
        if profile is not None and not self.profiles.named(profile):
            raise traps.NoMatchingValue("profile")
        return checked


def _any(_name: str, value: str) -> str:
    return value


def _filled(name: str, value: str) -> str:
    if not value:
        raise traps.InvalidValue(name)
    return value


def _service(name: str, value: str) -> str:
    if value not in SERVICES:
        raise traps.NoMatchingValue(name)
    return value


def _switch(name: str, value: str) -> str:
    parsed = parse_boolean(value)
    if parsed is None:
        raise traps.InvalidValue(name)
    return boolean(parsed)


def _address(name: str, value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise traps.InvalidValue(name) from None


def _prefix(name: str, value: str) -> str:
    try:
        return str(ipaddress.IPv6Network(value))
    except ValueError:
        raise traps.InvalidValue(name) from None


def _count(name: str, value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        raise traps.InvalidValue(name)
    return str(int(value))


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "name": _filled,
    "password": _any,
    "service": _service,
    "profile": _filled,
    "caller-id": _any,
    "comment": _any,
    "disabled": _switch,
    "limit-bytes-in": _count,
    "limit-bytes-out": _count,
    "local-address": _address,
    "remote-address": _address,
    "remote-ipv6-prefix": _prefix,
    "routes": _any,
    "ipv6-routes": _any,
}
_OPTIONAL = frozenset({"comment", "local-address", "remote-address", "remote-ipv6-prefix", "ipv6-routes"})


def _by_session(name: str) -> str:
    """The comment on what a session has put on an address list."""
    return f"<pppoe-{name}>"


def with_id(row_id: str, row: Values) -> Values:
    """A row as print shows it: its id first."""
    return {".id": row_id, **row}
