"""/system/identity and /system/resource: one row each, without an id."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from simulators.routeros.menus.menu import Menu
from simulators.routeros.queries import Query
from simulators.routeros.router import Router
from simulators.routeros.tables import Values
from simulators.routeros.values import duration

_READ: Mapping[str, str] = {"print": "read", "getall": "read"}


class Identity(Menu):
    path = "/system/identity"
    verbs: ClassVar[Mapping[str, str]] = _READ

    def rows(self, router: Router, _query: Query) -> Iterable[Values]:
        return [{"name": router.name}]


class Resource(Menu):
    path = "/system/resource"
    verbs: ClassVar[Mapping[str, str]] = _READ

    def rows(self, router: Router, _query: Query) -> Iterable[Values]:
        return [
            {
                "uptime": duration(router.uptime),
                "version": f"{router.version.text} (stable)",
                "free-memory": "868220928",
                "total-memory": "1073741824",
                "cpu": "simulated",
                "cpu-count": "1",
                "cpu-load": "1",
                "architecture-name": "x86_64",
                "board-name": "CHR",
                "platform": "MikroTik",
            }
        ]
