"""The RPCs on lines: requests to use cases and back. Protobuf stops here."""

from collections.abc import Sequence

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb

from router_control.lines import rules
from router_control.lines.errors import InvalidAccessRequest
from router_control.lines.rules import Access, AccessResult, AccessResults, Wanted
from router_control.lines.service import Lines
from router_control.routeros.protocol import TimeLimit

_MAX_USERS = 1000

_ACCESS: dict[pb.Access.ValueType, Access] = {
    pb.ACCESS_ENABLED: Access.ENABLED,
    pb.ACCESS_DISABLED: Access.DISABLED,
    pb.ACCESS_LIMITED: Access.LIMITED,
}
NUMBERS = {access: number for number, access in _ACCESS.items()}


class LinesServicer:
    """SetAccess and GetAccess."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def SetAccess(self, request: pb.SetAccessRequest, context: grpc.ServicerContext) -> pb.SetAccessResponse:
        names = [change.username for change in request.changes]
        _check_names(names)
        wanted = {change.username: _wanted(change) for change in request.changes}
        found = self._lines.set_access(request.router_id, wanted, TimeLimit.of_caller())
        return pb.SetAccessResponse(results=_results(names, found), router_name=found.router_name)

    def GetAccess(self, request: pb.GetAccessRequest, context: grpc.ServicerContext) -> pb.GetAccessResponse:
        _check_names(request.usernames)
        found = self._lines.get_access(request.router_id, tuple(request.usernames), TimeLimit.of_caller())
        return pb.GetAccessResponse(results=_results(request.usernames, found), router_name=found.router_name)


def _check_names(names: Sequence[str]) -> None:
    if not 1 <= len(names) <= _MAX_USERS:
        raise InvalidAccessRequest(f"a request names 1 to {_MAX_USERS} users, this one {len(names)}")
    for position, name in enumerate(names):
        if not rules.is_name(name):
            raise InvalidAccessRequest(
                f"username {position} (from 0) must have 1 to {rules.MAX_NAME} characters, none of control"
            )
    if len(set(names)) < len(names):
        raise InvalidAccessRequest("a request names each user at most once")


def _wanted(change: pb.AccessChange) -> Wanted:
    """Raises InvalidAccessRequest."""
    access, limits = _ACCESS.get(change.access), (change.profile, change.address_list)
    if access is None:
        raise InvalidAccessRequest("a wanted access is ENABLED, DISABLED or LIMITED")
    if access is Access.DISABLED and any(limits):
        raise InvalidAccessRequest("who is DISABLED needs no profile and no address list")
    if access is Access.LIMITED and not any(limits):
        raise InvalidAccessRequest("LIMITED names a profile, an address list, or both")
    if not all(rules.is_name(name) for name in limits if name):
        raise InvalidAccessRequest(
            f"a profile or an address list has at most {rules.MAX_NAME} characters, none of control"
        )
    return Wanted(access, *limits)


def _results(names: Sequence[str], found: AccessResults) -> list[pb.AccessResult]:
    return [_result(name, found.by_name[name]) for name in names]


def _result(name: str, result: AccessResult) -> pb.AccessResult:
    return pb.AccessResult(
        username=name,
        outcome=pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{result.outcome.name}"),
        access=NUMBERS[result.access] if result.access else pb.ACCESS_UNSPECIFIED,
        sessions=result.sessions,
        detail=result.detail,
        profile=result.profile,
    )
