"""What all menus share: print with queries and proplist, and references to rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from simulators.routeros import traps
from simulators.routeros.ppp import Ppp, with_id
from simulators.routeros.queries import Query
from simulators.routeros.router import Router
from simulators.routeros.sentences import Command
from simulators.routeros.tables import Table, Values
from simulators.routeros.users import User
from simulators.routeros.values import flag

_PRINT_SWITCHES = frozenset({"detail", "brief", "terse", "stats", "value-list", "without-paging", "count-only"})


@dataclass(frozen=True)
class Answer:
    """What a command yields: rows (None for a command that has none), and the value of "ret" in the "!done"."""

    rows: list[Values] | None = None
    ret: str | None = None


class Menu:
    """One menu. `verbs` maps each verb to the policy it needs; `print` is answered from `rows`."""

    path: ClassVar[str]
    verbs: ClassVar[Mapping[str, str]]

    def run(self, command: Command, user: User, router: Router) -> Answer:
        verb = "print" if command.verb == "getall" else command.verb
        handler: Callable[[Command, User, Router], Answer] = getattr(self, f"do_{verb}")
        return handler(command, user, router)

    def do_print(self, command: Command, user: User, router: Router) -> Answer:
        if set(command.attributes) - _PRINT_SWITCHES - {".proplist"}:
            raise traps.UnknownParameter
        query = Query(command.queries)
        rows = [row for row in self.rows(router, query) if query.accepts(row)]
        if flag(command.attributes.get("count-only", "no")):
            return Answer(ret=str(len(rows)))
        return Answer(rows=[shown(row, command, user) for row in rows])

    def rows(self, router: Router, query: Query) -> Iterable[Values]:
        """All rows that the query could accept."""
        raise NotImplementedError


class TableMenu(Menu):
    """A menu of rows with ids and names."""

    def table(self, ppp: Ppp) -> Table:
        raise NotImplementedError

    def view(self, ppp: Ppp, row_id: str, row: Values) -> Values:  # noqa: ARG002 - for menus whose rows change by themselves
        """A row as print shows it."""
        return with_id(row_id, row)

    def rows(self, router: Router, query: Query) -> Iterable[Values]:
        """All rows, or where the query asks for names and ids only, those; one by one over the whole table would make
        ten thousand look-ups in ten thousand rows far slower than any router.
        """
        with router.locked() as ppp:
            table = self.table(ppp)
            sought = query.sought(("name", ".id"))
            if sought is None:
                return [self.view(ppp, row_id, row) for row_id, row in table]
            ids = {row_id for name, value in sought for row_id in (table.named(value) if name == "name" else [value])}
            found = [(row_id, table.get(row_id)) for row_id in sorted(ids, key=_number)]
            return [self.view(ppp, row_id, row) for row_id, row in found if row is not None]

    def listen(
        self, command: Command, user: User, router: Router, tell: Callable[[Values], None]
    ) -> Callable[[], None]:
        """Call `tell` with every row that changes, or with its id and ".dead" once it is gone; returns what ends it."""

        def on_change(row_id: str, row: Values | None) -> None:
            gone = {".id": row_id, ".dead": "true"}
            tell(gone if row is None else shown(self.view(ppp, row_id, row), command, user))

        with router.locked() as ppp:
            stop = self.table(ppp).listen(on_change)

        def end() -> None:
            with router.locked():
                stop()

        return end

    def referred(self, command: Command, table: Table) -> list[str]:
        """The ids the command refers to by `.id` or `numbers`: ids or names, separated by commas. Raises Trap."""
        reference = command.attributes.get(".id", command.attributes.get("numbers"))
        if not reference:
            raise traps.MissingArgument(".id")
        return [row_id for part in reference.split(",") for row_id in _resolve(part, table)]


def shown(row: Values, command: Command, user: User) -> Values:
    """The properties of a row that the user may see and the proplist asks for."""
    wanted = command.attributes.get(".proplist")
    names = None if wanted is None else wanted.split(",")
    return {
        name: value
        for name, value in row.items()
        if (names is None or name in names) and (name != "password" or "sensitive" in user.policies)
    }


def arguments(command: Command) -> Values:
    """The attributes that are not about which row or which properties."""
    return {name: value for name, value in command.attributes.items() if name not in (".id", "numbers", ".proplist")}


def _resolve(reference: str, table: Table) -> list[str]:
    if table.get(reference) is not None:
        return [reference]
    if ids := table.named(reference):
        return ids
    raise traps.NoSuchItem


def _number(row_id: str) -> int:
    """Order of age; what is no id comes first, as it finds nothing anyway."""
    try:
        return int(row_id.removeprefix("*"), 16)
    except ValueError:
        return -1
