"""The firewall's address lists: their entries, and the rules that hold between them.

Not thread-safe; Router holds the lock. Errors are the traps a router answers with.
"""

import ipaddress
import time
from collections.abc import Callable, Mapping

from simulators.routeros import traps
from simulators.routeros.tables import Table
from simulators.routeros.values import boolean, parse_boolean
from simulators.routeros.versions import Version


class AddressLists:
    """The rows of /ip/firewall/address-list."""

    def __init__(self, version: Version, first_id: int) -> None:
        self.entries = Table(first_id)
        self._version = version

    def add(self, values: Mapping[str, str], *, dynamic: bool = False) -> str:
        for name in ("list", "address"):
            if not values.get(name):
                raise traps.MissingArgument(name)
        row = {"disabled": "false", **_checked(values)}
        self._refuse_duplicate(row, None)
        created = self._version.moment(time.time())
        return self.entries.add({**row, "creation-time": created, "dynamic": boolean(dynamic)})

    def change(self, row_id: str, values: Mapping[str, str]) -> None:
        checked = _checked(values)
        self._refuse_duplicate({**(self.entries.get(row_id) or {}), **checked}, row_id)
        self.entries.change(row_id, checked)

    def forget(self, address: str, comment: str) -> None:
        """What a session had put on lists goes with it."""
        ours = {"address": address, "comment": comment, "dynamic": "true"}
        for row_id in [row_id for row_id, row in self.entries if ours.items() <= row.items()]:
            self.entries.remove(row_id)

    def reboot(self) -> None:
        """What was not written down is gone, and all ids are new."""
        for row_id in [row_id for row_id, row in self.entries if row["dynamic"] == "true"]:
            self.entries.remove(row_id)
        self.entries.renumber()

    def _refuse_duplicate(self, row: Mapping[str, str], own_id: str | None) -> None:
        for row_id, other in self.entries:
            if row_id != own_id and (other["list"], other["address"]) == (row["list"], row["address"]):
                raise traps.DuplicateEntry


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    for name in values:
        if name not in _CHECKS:
            raise traps.UnknownParameter
    return {name: _CHECKS[name](name, value) for name, value in values.items()}


def _text(_name: str, value: str) -> str:
    return value


def _network(name: str, value: str) -> str:
    """An address or a network; of a network with one address only the address is kept."""
    try:
        return str(ipaddress.IPv4Network(value)).removesuffix("/32")
    except ValueError:
        raise traps.InvalidValue(name) from None


def _switch(name: str, value: str) -> str:
    parsed = parse_boolean(value)
    if parsed is None:
        raise traps.InvalidValue(name)
    return boolean(parsed)


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "list": _text,
    "address": _network,
    "comment": _text,
    "disabled": _switch,
}
