"""ISPs and routers by id or by name. Looked up once a command, and only when needed."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from rejesha.billing.v1.account_service_pb2 import ListIspsRequest
from rejesha.router_control.v1.router_control_service_pb2 import ListRoutersRequest

from rejesha_cli.errors import AmbiguousName, NoSuchName, ServiceUnreachable
from rejesha_cli.tables import remark

if TYPE_CHECKING:
    from rejesha_cli.channels import Channels


def find(noun: str, given: str, names: Mapping[int, str]) -> int:
    """The id that `given` means: an id, or a name in any case. Raises NoSuchName or AmbiguousName."""
    given = given.strip()
    number = _number(given)
    called = [each for each, name in names.items() if name.strip().casefold() == given.casefold()]
    if number in names and set(called) - {number}:
        whose = " and ".join(f"{noun} {each}" for each in called)
        raise AmbiguousName(f"{given!r} is the id of {noun} {names[number]!r} and the name of {whose}: say which.")
    if number in names:
        return number
    if not called:
        raise NoSuchName(f"there is no {noun} {given!r}: `rejesha {noun.lower()} list` shows them all.")
    if len(called) > 1:
        ids = ", ".join(map(str, called))
        raise AmbiguousName(f"more than one {noun} is called {given!r}: give the id, one of {ids}.")
    return called[0]


def find_id(noun: str, given: str, names: Mapping[int, str]) -> int:
    """The id that is given and can be nothing else. Raises NoSuchName."""
    if (number := _number(given.strip())) in names:
        return number
    raise NoSuchName(f"there is no {noun} with the id {given!r}: `rejesha {noun.lower()} list` shows them all.")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


class Names:
    """The names of the ISPs and routers that there are now."""

    def __init__(self, channels: "Channels") -> None:
        self._channels = channels

    @cached_property
    def isps(self) -> dict[int, str]:
        return {isp.isp_id: isp.name for isp in self._channels.accounts.ListIsps(ListIspsRequest()).isps}

    @cached_property
    def routers(self) -> dict[int, str]:
        answer = self._channels.routers.ListRouters(ListRoutersRequest())
        return {router.router_id: router.name for router in answer.routers}

    def isp_id(self, given: str, number: str = "") -> int:
        """`given`: an id or a name; `number`: an id. 0 when nothing is given."""
        return _meant("ISP", given, number, lambda: self.isps)

    def router_id(self, given: str, number: str = "") -> int:
        """`given`: an id or a name; `number`: an id. 0 when nothing is given."""
        return _meant("router", given, number, lambda: self.routers)

    def isp_label(self, isp_id: int) -> str:
        """For people; empty for none."""
        return self.isps.get(isp_id, f"#{isp_id}") if isp_id else ""

    def router_label(self, router_id: int) -> str:
        """For people; empty for none. Does without the name when router-control cannot be reached."""
        if not router_id:
            return ""
        try:
            return self.routers.get(router_id, f"#{router_id}")
        except ServiceUnreachable as error:
            remark(f"Router names are left out: {error}")
            self.routers = {}
            return f"#{router_id}"


def _meant(noun: str, given: str, number: str, names: Callable[[], Mapping[int, str]]) -> int:
    by_id = find_id(noun, number, names()) if number.strip(" 0") else 0
    by_either = find(noun, given, names()) if given.strip(" 0") else 0
    if by_id and by_either and by_id != by_either:
        raise AmbiguousName(f"the id {number.strip()} is {noun} {names()[by_id]!r}, but {given.strip()!r} is another.")
    return by_id or by_either
