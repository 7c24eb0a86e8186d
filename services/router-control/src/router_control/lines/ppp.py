"""The router's PPP menus, many users at a time; and of them the secrets.

Everything is looked up by name on the router and compared as text. Ids live no longer than one command:
a reboot or another operator may change them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from router_control.routeros.connection import Connection
from router_control.routeros.errors import Garbled
from router_control.routeros.protocol import Row, TimeLimit

# So many names go into one command. A router evaluates them for each row of the table.
_CHUNK = 100
# An asterisk and a hexadecimal number. Many are kept for as long as a call lasts, so none may be long.
_MAX_ID = 32

_ENABLED = {"true": False, "yes": False, "false": True, "no": True}  # by what `disabled` says


@dataclass(frozen=True)
class Secret:
    """A PPPoE user's entry on the router."""

    id: str
    enabled: bool


class Ppp:
    """The PPP menus of one router, until one time limit. At most a chunk of names or ids at a time."""

    def __init__(self, connection: Connection, limit: TimeLimit) -> None:
        self._connection, self._limit = connection, limit

    def secrets(self, names: Sequence[str]) -> dict[str, Secret]:
        """The secrets with these names; who has none is absent."""
        rows = self.print("secret", names, ".id,name,disabled")
        return {row["name"]: Secret(id_of(row), _enabled(row)) for row in rows}

    def write(self, ids: Iterable[str], *, enabled: bool) -> None:
        """Enable or disable secrets by id with one command. Raises Trap."""
        self.command(f"/ppp/secret/{'enable' if enabled else 'disable'}", ids)

    def print(self, menu: str, names: Sequence[str], properties: str) -> list[Row]:
        """The rows of a menu with these names."""
        # "The name is one of these", joined as they come so that the router's stack stays shallow.
        query = [word for name in names for word in (f"?=name={name}", "?#|")]
        del query[1]
        command = (f"/ppp/{menu}/print", f"=.proplist={properties}", *query)
        wanted = set(names)
        # A router may send more than was asked for, such as rows without any property.
        return self._connection.command(*command, limit=self._limit, wanted=lambda row: row.get("name") in wanted)

    def command(self, command: str, ids: Iterable[str]) -> None:
        """Do something to the rows with these ids. Raises Trap when one is gone: some may be done."""
        self._connection.command(command, f"=.id={','.join(ids)}", limit=self._limit)


def chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names in lots that go into one command each."""
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]


def _enabled(row: Row) -> bool:
    try:
        return _ENABLED[row.get("disabled", "")]
    except KeyError:
        raise Garbled("a secret is neither enabled nor disabled") from None


def id_of(row: Row) -> str:
    """A row's id. Raises Garbled."""
    if not 1 <= len(row_id := row.get(".id", "")) <= _MAX_ID:
        raise Garbled("a row without an id, or with a longer one than any has")
    return row_id
