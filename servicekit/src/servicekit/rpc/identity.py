"""Who calls, as the certificate proves it, and what that one may call.

A certificate names its holder in URIs that the authority has signed: `rejesha://<role>`, or `rejesha://<role>/<name>`
where several hold one role. A system of somebody else's is `rejesha://system/<name>`, and each method that it may call
has a URI of its own, such as `rejesha://may/notify.SendMessages`: nobody can add one to a certificate.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import grpc

from servicekit.rpc.errors import CallerUnknown, CallNotPermitted

_PREFIX = "rejesha://"
_GRANT = f"{_PREFIX}may/"


class Role(StrEnum):
    """What a process of ours is, or that it is none of ours."""

    INTAKE = "intake"
    DISPATCHER = "dispatcher"
    BILLING = "billing"
    ROUTER_CONTROL = "router-control"
    NOTIFY = "notify"
    OPERATOR = "operator"
    # May call what its certificate names, of what SYSTEM stands beside in a service's table.
    SYSTEM = "system"


_ROLES = frozenset(role.value for role in Role)

# Who may call each method of a service, such as "TaskService.LeaseTasks". What is not in it nobody may call.
Table = Mapping[str, AbstractSet[Role]]


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller. `name`: such as "dispatcher" or "system/crm"; "" where nobody is proven to call, as in plain text."""

    name: str = ""
    roles: frozenset[Role] = frozenset()
    may: frozenset[str] = frozenset()

    def to_uris(self) -> list[str]:
        """What its certificate must name."""
        first, _, name = self.name.partition("/")
        own = [f"{_PREFIX}{role}{f'/{name}' if name else ''}" for role in sorted(self.roles, key=first.__ne__)]
        return own + [f"{_GRANT}{method}" for method in sorted(self.may)]


def of_uris(uris: Iterable[str]) -> Identity:
    """The identity that a certificate's URIs name; the first one gives its name. What is none of ours is left out."""
    name, roles, may = "", set(), set()
    for uri in uris:
        role, _, _ = uri.removeprefix(_PREFIX).partition("/")
        if uri.startswith(_GRANT):
            may.add(uri.removeprefix(_GRANT))
        elif uri.startswith(_PREFIX) and role in _ROLES:
            name = name or uri.removeprefix(_PREFIX)
            roles.add(Role(role))
    return Identity(name, frozenset(roles), frozenset(may))


def of(context: grpc.ServicerContext) -> Identity:
    """Who calls."""
    proven: Any = context.auth_context()
    return of_uris(uri.decode(errors="replace") for uri in proven.get("peer_uri", ()))


def admit(caller: Identity, method: str, table: Table) -> None:
    """Raise CallerUnknown or CallNotPermitted unless `caller` may call a method, "/package.Service/Method"."""
    if not caller.name:
        raise CallerUnknown("the certificate names nobody of ours")
    path, _, name = method.removeprefix("/").partition("/")
    allowed = table.get(f"{path.rpartition('.')[2]}.{name}", frozenset())
    roles = caller.roles if granted(method) in caller.may else caller.roles - {Role.SYSTEM}
    if not roles & allowed:
        raise CallNotPermitted(f"{caller.name} may not call {method}")


def granted(method: str) -> str:
    """How certificates name a method: "/rejesha.router_control.v1.RouterControlService/SetAccess" is
    "router-control.SetAccess".
    """
    path, _, name = method.removeprefix("/").partition("/")
    return f"{path.split('.')[1].replace('_', '-')}.{name}" if path.count(".") > 1 else name
