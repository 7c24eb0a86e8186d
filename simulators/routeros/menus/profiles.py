"""/ppp/profile."""

from collections.abc import Mapping
from typing import ClassVar

from simulators.routeros.menus.menu import TableMenu
from simulators.routeros.ppp import Ppp
from simulators.routeros.tables import Table


class Profiles(TableMenu):
    path = "/ppp/profile"
    verbs: ClassVar[Mapping[str, str]] = {"print": "read", "getall": "read", "listen": "read"}

    def table(self, ppp: Ppp) -> Table:
        return ppp.profiles
