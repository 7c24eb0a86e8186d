"""Reads a page of all of a router's secrets, with their sessions. Changes nothing.

The router sends its whole table in whatever order; one page of it is kept, however large the table is.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_control.lines import address_lists, rules, sessions
from router_control.lines.ppp import OF_SECRETS, Ppp, secret_of
from router_control.lines.rules import Access, Secret
from router_control.routeros.connection import Connection
from router_control.routeros.errors import AccessOutcome
from router_control.routeros.protocol import Row, TimeLimit


@dataclass(frozen=True)
class Listed:
    """A secret of a page. `service`: such as "any" or "pppoe". `address_lists`: those on which its address is."""

    name: str
    access: Access
    profile: str
    service: str
    sessions: int
    address_lists: Sequence[str] = ()


class Listing:
    """The first `size` secrets with a name after `after`. May be carried out again after any failure.

    `address_lists`: whose address is on one of them is limited. `more`: whether others follow.
    """

    def __init__(self, size: int, after: str = "", address_lists: Sequence[str] = ()) -> None:
        self.outcome, self.detail = AccessOutcome.ALREADY_SO, ""
        self.secrets: list[Listed] = []
        self.more = False
        self._size, self._after, self._address_lists = size, after, address_lists

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Raises RouterFailure."""
        ppp = Ppp(connection, limit)
        page = _Page(self._size + 1, self._after)
        ppp.rows("/ppp/secret", f"{OF_SECRETS},service", (), page.take)
        found = page.first()
        self.more = len(found) > self._size
        found = dict(list(found.items())[: self._size])
        counts = sessions.count(ppp, found)
        on_lists = self._on_lists(ppp, {secret.address for secret, _ in found.values() if secret.address})
        self.secrets = [
            _listed(name, secret, service, counts[name], on_lists.get(secret.address, ()))
            for name, (secret, service) in found.items()
        ]

    def fail(self, outcome: AccessOutcome, detail: str = "") -> None:
        """The router could not be read."""
        self.outcome, self.detail, self.secrets, self.more = outcome, detail, [], False

    def _on_lists(self, ppp: Ppp, addresses: set[str]) -> Mapping[str, Sequence[str]]:
        """On which of the lists each of these addresses is that is on any."""
        found: dict[str, list[str]] = {}
        for list_name in self._address_lists if addresses else ():
            for address in address_lists.on_list(ppp, list_name, addresses):
                found.setdefault(address, []).append(list_name)
        return found


def _listed(name: str, secret: Secret, service: str, count: int, on_lists: Sequence[str]) -> Listed:
    access = Access.LIMITED if secret.enabled and on_lists else rules.held(secret)
    return Listed(name, access, secret.profile, service, count, on_lists)


class _Page:
    """The `size` first names of those that are taken, in the memory of twice as many."""

    def __init__(self, size: int, after: str) -> None:
        self._size, self._after = size, after
        self._kept: dict[str, tuple[Secret, str]] = {}

    def take(self, row: Row) -> bool:
        """Whether a command's answer must keep the row: never. Raises Garbled."""
        name = row.get("name", "")
        if rules.is_name(name) and name > self._after:
            self._kept[name] = secret_of(row), row.get("service", "")[: rules.MAX_NAME]
            if len(self._kept) >= 2 * self._size:
                self._kept = self.first()
        return False

    def first(self) -> dict[str, tuple[Secret, str]]:
        """By name."""
        return {name: self._kept[name] for name in heapq.nsmallest(self._size, self._kept)}
