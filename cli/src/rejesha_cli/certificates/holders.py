"""Whom a certificate is for, from the words that the operator gives."""

import re
from collections.abc import Sequence

from servicekit.rpc.identity import Identity, Role

# As pods are named, and short enough for a subject together with its role.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,46}[a-z0-9])?", re.ASCII)
_GRANT = re.compile(r"(router-control|notify)\.[A-Z][A-Za-z]+", re.ASCII)
OURS = tuple(role for role in Role if role is not Role.SYSTEM)
# Who is called, and calls nobody of ours.
CALLED = frozenset({Role.BILLING, Role.ROUTER_CONTROL, Role.NOTIFY})


def of_process(roles: Sequence[str], name: str = "") -> Identity:
    """A process of ours. `name`: where several hold a role and are to be told apart. Raises ValueError."""
    for role in roles:
        if role not in OURS:
            raise ValueError(f"{role!r} is none of {', '.join(OURS)}; another system needs --may")
    if name and not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: lower-case letters, digits, - and .")
    first = Role(roles[0])
    return Identity(f"{first}/{name}" if name else first.value, frozenset(map(Role, roles)))


def of_system(name: str, may: Sequence[str]) -> Identity:
    """Another system, which may call these methods, such as "notify.SendMessages", and no other. Raises ValueError."""
    if not _NAME.fullmatch(name) or name in set(Role):
        raise ValueError(f"{name!r} is no name of a system: lower-case letters, digits, - and ., and no role of ours")
    for method in may:
        if not _GRANT.fullmatch(method):
            raise ValueError(f"{method!r} is no method of router-control or notify, such as notify.SendMessages")
    return Identity(f"{Role.SYSTEM}/{name}", frozenset({Role.SYSTEM}), frozenset(may))


def folder_of(identity: Identity) -> str:
    """The folder of its three files: "dispatcher", "dispatcher-b", "system-crm"."""
    return identity.name.replace("/", "-")
