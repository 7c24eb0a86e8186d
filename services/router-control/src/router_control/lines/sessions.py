"""Active sessions on a router: who has some, and ending those that are not to go on.

A module of its own: who is switched on keeps the sessions.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from router_control.lines.ppp import Ppp, id_of
from router_control.routeros.errors import Trap
from router_control.routeros.protocol import Row

# A session that was being dialled can appear after we looked.
_ROUNDS = 4


def find(ppp: Ppp, names: Sequence[str], but: Mapping[str, str] = MappingProxyType({})) -> dict[str, list[str]]:
    """The ids of the active sessions of each name that has any, save those at its address in `but`."""
    found: dict[str, list[str]] = {}
    for row in ppp.print("active", names, ".id,name,address"):
        if (name := row["name"]) not in but or row.get("address") != but[name]:
            found.setdefault(name, []).append(id_of(row))
    return found


def count(ppp: Ppp, names: Collection[str]) -> Counter[str]:
    """How many active sessions each of any number of names has."""
    counts: Counter[str] = Counter()

    def take(row: Row) -> bool:
        if (name := row.get("name", "")) in names:
            counts[name] += 1
        return False  # rows are not kept: a router may have ten thousand

    ppp.rows("/ppp/active", "name", (), take)
    return counts


def end(
    ppp: Ppp,
    names: Sequence[str],
    ended: defaultdict[str, set[str]],
    but: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """End these users' sessions, save those at an address in `but`; answers how many of each stay up all the same.

    Into `ended` go the ids before they are sent, because the answer can get lost when all is done.
    """
    sessions = find(ppp, names, but)
    for pause in range(_ROUNDS):
        if not sessions:
            break
        time.sleep(pause * 0.1)  # a router may need a moment to take a session down
        for name, ids in sessions.items():
            ended[name].update(ids)
        _remove(ppp, [id_ for ids in sessions.values() for id_ in ids])
        sessions = find(ppp, names, but)
    return {name: len(sessions.get(name, ())) for name in names}


def _remove(ppp: Ppp, ids: Sequence[str]) -> None:
    """Some may have ended meanwhile: that is as good."""
    try:
        ppp.command("/ppp/active/remove", ids)
    except Trap as trap:
        if not trap.no_such_item:
            raise
        if len(ids) > 1:
            for one in ids:
                _remove(ppp, [one])
