"""/ppp/active."""

from collections.abc import Mapping
from typing import ClassVar

from simulators.routeros.menus.menu import Answer, TableMenu
from simulators.routeros.ppp import Ppp, with_id
from simulators.routeros.router import Router
from simulators.routeros.sentences import Command
from simulators.routeros.tables import Table, Values
from simulators.routeros.users import User


class Active(TableMenu):
    path = "/ppp/active"
    verbs: ClassVar[Mapping[str, str]] = {"print": "read", "getall": "read", "listen": "read", "remove": "write"}

    def table(self, ppp: Ppp) -> Table:
        return ppp.active

    def view(self, ppp: Ppp, row_id: str, row: Values) -> Values:
        return with_id(row_id, row) | {"uptime": ppp.uptime(row_id)}

    def do_remove(self, command: Command, _user: User, router: Router) -> Answer:
        """Removing a session's row drops the session."""
        with router.locked() as ppp:
            for row_id in dict.fromkeys(self.referred(command, ppp.active)):
                ppp.hang_up(row_id)
        return Answer()
