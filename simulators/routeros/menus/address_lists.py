"""/ip/firewall/address-list."""

from collections.abc import Mapping
from typing import ClassVar

from simulators.routeros.menus.menu import Answer, TableMenu, arguments
from simulators.routeros.ppp import Ppp
from simulators.routeros.router import Router
from simulators.routeros.sentences import Command
from simulators.routeros.tables import Table, Values
from simulators.routeros.users import User


class AddressLists(TableMenu):
    path = "/ip/firewall/address-list"
    verbs: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("print", "getall", "listen"), "read"),
        **dict.fromkeys(("add", "set", "remove", "enable", "disable", "comment"), "write"),
    }

    def table(self, ppp: Ppp) -> Table:
        return ppp.address_lists.entries

    def do_add(self, command: Command, _user: User, router: Router) -> Answer:
        with router.locked() as ppp:
            return Answer(ret=ppp.address_lists.add(arguments(command)))

    def do_set(self, command: Command, _user: User, router: Router) -> Answer:
        return self._change(command, router, arguments(command))

    def do_enable(self, command: Command, _user: User, router: Router) -> Answer:
        return self._change(command, router, {"disabled": "no"})

    def do_disable(self, command: Command, _user: User, router: Router) -> Answer:
        return self._change(command, router, {"disabled": "yes"})

    def do_comment(self, command: Command, _user: User, router: Router) -> Answer:
        return self._change(command, router, {"comment": command.attributes.get("comment", "")})

    def do_remove(self, command: Command, _user: User, router: Router) -> Answer:
        with router.locked() as ppp:
            for row_id in dict.fromkeys(self.referred(command, self.table(ppp))):
                self.table(ppp).remove(row_id)
        return Answer()

    def _change(self, command: Command, router: Router, values: Values) -> Answer:
        with router.locked() as ppp:
            for row_id in self.referred(command, self.table(ppp)):
                ppp.address_lists.change(row_id, values)
        return Answer()
