"""The router's PPP menus, many users at a time; and of them the secrets and profiles.

Everything is looked up by name on the router and compared as text. Ids live no longer than one command:
a reboot or another operator may change them.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence

from router_control.lines.rules import MAX_NAME, Secret, Write
from router_control.routeros.connection import Connection
from router_control.routeros.errors import Garbled
from router_control.routeros.protocol import Row, TimeLimit

# So many names go into one command. A router evaluates them for each row of the table.
_CHUNK = 100
# An asterisk and a hexadecimal number. Many are kept for as long as a call lasts, so none may be long.
_MAX_ID = 32

OF_SECRETS = ".id,name,disabled,profile,remote-address"
_ENABLED = {"true": False, "yes": False, "false": True, "no": True}  # by what `disabled` says


class Ppp:
    """The PPP menus of one router, until one time limit. At most a chunk of names or ids at a time."""

    def __init__(self, connection: Connection, limit: TimeLimit) -> None:
        self._connection, self._limit = connection, limit

    def secrets(self, names: Sequence[str]) -> dict[str, Secret]:
        """The secrets with these names; who has none is absent."""
        return {row["name"]: secret_of(row) for row in self.print("secret", names, OF_SECRETS)}

    def profiles(self, names: Sequence[str]) -> set[str]:
        """Which of these profiles there are."""
        return {row["name"] for row in self.print("profile", names, "name")}

    def write(self, ids: Iterable[str], write: Write) -> None:
        """Change secrets by id with one command. Raises Trap."""
        self.command(f"/ppp/secret/{write.verb}", ids, *write.words)

    def print(self, menu: str, names: Sequence[str], properties: str) -> list[Row]:
        """The rows of a menu with these names."""
        wanted = set(names)
        # A router may send more than was asked for, such as rows without any property.
        query = any_of([f"?=name={name}" for name in names])
        return self.rows(f"/ppp/{menu}", properties, query, lambda row: row.get("name") in wanted)

    def rows(self, menu: str, properties: str, query: Sequence[str], wanted: Callable[[Row], bool]) -> list[Row]:
        """The rows of any menu that the query finds, and of those the `wanted` ones."""
        command = (f"{menu}/print", f"=.proplist={properties}", *query)
        return self._connection.command(*command, limit=self._limit, wanted=wanted)

    def command(self, command: str, ids: Iterable[str], *words: str) -> None:
        """Do something to the rows with these ids. Raises Trap when one is gone: some may be done."""
        self._connection.command(command, f"=.id={','.join(ids)}", *words, limit=self._limit)

    def add(self, menu: str, *words: str) -> None:
        """Add a row to any menu. Raises Trap."""
        self._connection.command(f"{menu}/add", *words, limit=self._limit)


def any_of(tests: Sequence[str]) -> list[str]:
    """The query "one of these holds", joined as they come so that the router's stack stays shallow."""
    query = [word for test in tests for word in (test, "?#|")]
    del query[1]
    return query


def chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names in lots that go into one command each."""
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]


def secret_of(row: Row) -> Secret:
    """A secret as a row of its menu says it. Raises Garbled."""
    try:
        enabled = _ENABLED[row.get("disabled", "")]
    except KeyError:
        raise Garbled("a secret is neither enabled nor disabled") from None
    return Secret(id_of(row), enabled, row.get("profile", "")[:MAX_NAME], _fixed(row.get("remote-address", "")))


def _fixed(address: str) -> str:
    """The address, unless it is the name of a pool."""
    try:
        return str(ipaddress.IPv4Address(address))
    except ValueError:
        return ""


def id_of(row: Row) -> str:
    """A row's id. Raises Garbled."""
    if not 1 <= len(row_id := row.get(".id", "")) <= _MAX_ID:
        raise Garbled("a row without an id, or with a longer one than any has")
    return row_id
