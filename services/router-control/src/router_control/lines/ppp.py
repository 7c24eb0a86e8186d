"""The router's PPP menus: secrets and active sessions, many at a time.

Everything is looked up by name on the router and compared as text. Ids live no longer than one command:
a reboot or another operator may change them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router_control.routeros.connection import Connection
from router_control.routeros.errors import Garbled, Trap
from router_control.routeros.protocol import Row, TimeLimit

# An asterisk and a hexadecimal number.
MAX_ID = 32

_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Secret:
    """A PPPoE user's entry on the router."""

    id: str
    enabled: bool


class Ppp:
    """The PPP menus of one router, until one time limit. At most about 100 names or ids at a time."""

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
        self._command(f"/ppp/secret/{'enable' if enabled else 'disable'}", f"=.id={','.join(ids)}")

    def end_session(self, *ids: str) -> None:
        """Remove active sessions. Raises Trap when one has ended meanwhile: some may be removed."""
        self._command("/ppp/active/remove", f"=.id={','.join(ids)}")

    def _print(self, menu: str, names: Sequence[str], properties: str) -> list[Row]:
        command = (f"/ppp/{menu}/print", f"=.proplist={properties}", *_any_of(names))
        wanted = set(names)
        # A router may send more than was asked for, such as rows without any property.
        return self._connection.command(*command, limit=self._limit, wanted=lambda row: row.get("name") in wanted)

    def _command(self, *words: str) -> None:
        self._connection.command(*words, limit=self._limit)


def end_sessions(ppp: Ppp, ids: Sequence[str]) -> None:
    """Remove sessions, some of which may have ended meanwhile: that is as good."""
    try:
        ppp.end_session(*ids)
    except Trap as trap:
        if not trap.no_such_item:
            raise
        if len(ids) > 1:
            for one in ids:
                end_sessions(ppp, [one])


def _any_of(names: Sequence[str]) -> list[str]:
    """The query words for "the name is one of these", joined as they come so that the router's stack stays shallow."""
    words = [f"?=name={names[0]}"]
    for name in names[1:]:
        words += [f"?=name={name}", "?#|"]
    return words


def _enabled(row: Row) -> bool:
    try:
        return not _BOOLEANS[_word(row, "disabled")]
    except KeyError as error:
        raise Garbled("a secret is neither enabled nor disabled") from error


def _id(row: Row) -> str:
    """Many are kept for as long as a call lasts, so none may be long."""
    row_id = _word(row, ".id")
    if len(row_id) > MAX_ID:
        raise Garbled("an id of more characters than any has")
    return row_id


def _word(row: Row, name: str) -> str:
    if name not in row:
        raise Garbled(f"a row came without {name}")
    return row[name]
