"""The router's PPP menus: secrets and active sessions, many at a time.

Everything is looked up by name on the router and compared as text. Ids live no longer than one command:
a reboot or another operator may change them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from router_control.routeros.connection import Connection
from router_control.routeros.errors import Garbled, Trap
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
        rows = self._print("secret", names, ".id,name,disabled")
        return {row["name"]: Secret(_id(row), _enabled(row)) for row in rows}

    def sessions(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the active sessions of each name that has any; a name may have several."""
        found: dict[str, list[str]] = {}
        for row in self._print("active", names, ".id,name"):
            found.setdefault(row["name"], []).append(_id(row))
        return found

    def write(self, ids: Iterable[str], *, enabled: bool) -> None:
        """Enable or disable secrets by id with one command. Raises Trap when one is gone: some may be written."""
        self._command(f"/ppp/secret/{'enable' if enabled else 'disable'}", ids)

    def end_sessions(self, ids: Sequence[str]) -> None:
        """Remove active sessions, some of which may have ended meanwhile: that is as good."""
        try:
            self._command("/ppp/active/remove", ids)
        except Trap as trap:
            if not trap.no_such_item:
                raise
            if len(ids) > 1:
                for one in ids:
                    self.end_sessions([one])

    def _print(self, menu: str, names: Sequence[str], properties: str) -> list[Row]:
        # "The name is one of these", joined as they come so that the router's stack stays shallow.
        query = [word for name in names for word in (f"?=name={name}", "?#|")]
        del query[1]
        command = (f"/ppp/{menu}/print", f"=.proplist={properties}", *query)
        wanted = set(names)
        # A router may send more than was asked for, such as rows without any property.
        return self._connection.command(*command, limit=self._limit, wanted=lambda row: row.get("name") in wanted)

    def _command(self, command: str, ids: Iterable[str]) -> None:
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


def _id(row: Row) -> str:
    if not 1 <= len(row_id := row.get(".id", "")) <= _MAX_ID:
        raise Garbled("a row without an id, or with a longer one than any has")
    return row_id
