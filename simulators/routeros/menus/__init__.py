"""The menus of the command tree, and the way from a path to the menu that answers it."""

from collections.abc import Callable
from dataclasses import replace

from simulators.routeros.menus.active import Active
from simulators.routeros.menus.address_lists import AddressLists
from simulators.routeros.menus.menu import Answer, Menu, TableMenu
from simulators.routeros.menus.profiles import Profiles
from simulators.routeros.menus.secrets import Secrets
from simulators.routeros.menus.system import Identity, Resource
from simulators.routeros.router import Router
from simulators.routeros.sentences import Command
from simulators.routeros.tables import Values
from simulators.routeros.traps import ItemVanished, NoSuchCommand, NotPermitted
from simulators.routeros.users import User

__all__ = ["Answer", "listen", "run", "vanish"]

_ALL: tuple[Menu, ...] = (Secrets(), Active(), Profiles(), AddressLists(), Identity(), Resource())
_MENUS: dict[str, Menu] = {menu.path: menu for menu in _ALL}
_FOLDERS = {path[:end] for path in _MENUS for end in range(1, len(path) + 1) if path[end : end + 1] in ("/", "")}


def find(command: Command, user: User) -> Menu:
    """The menu that answers the command. Raises NoSuchCommand, NotPermitted."""
    menu = _MENUS.get(command.menu)
    if menu is None or command.verb not in menu.verbs:
        raise NoSuchCommand(_first_unknown_part(command.path))
    if menu.verbs[command.verb] not in user.policies:
        raise NotPermitted
    return menu


def run(command: Command, user: User, router: Router) -> Answer:
    """Carry the command out. Raises Trap."""
    menu = find(command, user)
    command.refuse_stray_words()
    return menu.run(command, user, router)


def vanish(command: Command, user: User, router: Router) -> None:
    """What the command refers to is gone just before the command runs. Always raises a Trap."""
    menu = find(command, user)
    menu.run(replace(command, path=f"{menu.path}/remove"), user, router)
    raise ItemVanished


def listen(command: Command, user: User, router: Router, tell: Callable[[Values], None]) -> Callable[[], None]:
    """Start to tell of the changes in a menu; returns what ends that. Raises Trap."""
    menu = find(command, user)
    if not isinstance(menu, TableMenu):
        raise NoSuchCommand(command.verb)
    return menu.listen(command, user, router, tell)


def _first_unknown_part(path: str) -> str:
    known = ""
    for part in path.removeprefix("/").split("/"):
        if f"{known}/{part}" not in _FOLDERS:
            return part
        known += f"/{part}"
    return part
