"""The RPCs on lines: requests to use cases and back. Protobuf stops here."""

from collections.abc import Sequence

import grpc
from rejesha.router_control.v1 import router_control_service_pb2 as pb

from router_control.lines.errors import InvalidAccessRequest
from router_control.lines.rules import AccessResult, AccessResults
from router_control.lines.service import Lines
from router_control.routeros.protocol import CONTROL_CHARACTERS, TimeLimit

_MAX_USERS = 1000

_ENABLED = {pb.ACCESS_ENABLED: True, pb.ACCESS_DISABLED: False}
_ACCESS = {None: pb.ACCESS_UNSPECIFIED, True: pb.ACCESS_ENABLED, False: pb.ACCESS_DISABLED}


class LinesServicer:
    """SetAccess and GetAccess."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def SetAccess(self, request: pb.SetAccessRequest, context: grpc.ServicerContext) -> pb.SetAccessResponse:
        names = [change.username for change in request.changes]
        _check_names(names)
        if any(change.access not in _ENABLED for change in request.changes):
            raise InvalidAccessRequest("a wanted access is ENABLED or DISABLED")
        wanted = {change.username: _ENABLED[change.access] for change in request.changes}
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
        if not 1 <= len(name) <= 100 or CONTROL_CHARACTERS.search(name):
            raise InvalidAccessRequest(
                f"username {position} (from 0) must have 1 to 100 characters, none of them a control character"
            )
    if len(set(names)) < len(names):
        raise InvalidAccessRequest("a request names each user at most once")


def _results(names: Sequence[str], found: AccessResults) -> list[pb.AccessResult]:
    return [_result(name, found.by_name[name]) for name in names]


def _result(name: str, result: AccessResult) -> pb.AccessResult:
    return pb.AccessResult(
        username=name,
        outcome=pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{result.outcome.name}"),
        access=_ACCESS[result.enabled],
        sessions=result.sessions,
        detail=result.detail,
    )
