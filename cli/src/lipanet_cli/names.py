"""ISPs and routers by id or by name. Looked up once a command, and only when needed."""

from functools import cached_property

from lipanet.billing.v1.directory_service_pb2 import ListIspsRequest
from lipanet.router_control.v1.router_control_service_pb2 import ListRoutersRequest

from lipanet_cli.channels import Channels
from lipanet_cli.errors import AmbiguousName, NoSuchName, ServiceUnreachable
from lipanet_cli.tables import remark


def find(noun: str, given: str, names: dict[int, str]) -> int:
    """The id that `given` means: an id, or a name in any case. Raises NoSuchName or AmbiguousName."""
    given = given.strip()
    if given.isascii() and given.isdigit() and int(given) in names:
        return int(given)
    hits = [number for number, name in names.items() if name.strip().casefold() == given.casefold()]
    if not hits:
        raise NoSuchName(f"there is no {noun} {given!r}: `lipanet {noun.lower()} list` shows them all.")
    if len(hits) > 1:
        ids = ", ".join(map(str, hits))
        raise AmbiguousName(f"more than one {noun} is called {given!r}: give the id, one of {ids}.")
    return hits[0]


class Names:
    """The names of the ISPs and routers that there are now."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    @cached_property
    def isps(self) -> dict[int, str]:
        return {isp.isp_id: isp.name for isp in self._channels.directory.ListIsps(ListIspsRequest()).isps}

    @cached_property
    def routers(self) -> dict[int, str]:
        answer = self._channels.routers.ListRouters(ListRoutersRequest())
        return {router.router_id: router.name for router in answer.routers}

    def isp_id(self, given: str) -> int:
        """0 when nothing is given."""
        return find("ISP", given, self.isps) if given.strip(" 0") else 0

    def router_id(self, given: str) -> int:
        """0 when nothing is given."""
        return find("router", given, self.routers) if given.strip(" 0") else 0

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
