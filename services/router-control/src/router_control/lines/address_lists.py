"""The firewall's address lists: puts users' fixed addresses on one, or takes them off, and reads that back. What was
made for a user on another list goes with it: a user is on one at most.

Only fixed addresses: one that a session got from a pool is another customer's when that session has ended, and the
entry would hold back whoever has it then.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from router_control.lines.ppp import Ppp, any_of, id_of
from router_control.routeros.errors import Trap
from router_control.routeros.protocol import Row

_MENU = "/ip/firewall/address-list"
_PROPERTIES = ".id,list,address,comment,disabled,dynamic"
# An entry can vanish, or be made by somebody else, between look-up and write.
_ROUNDS = 3
_TRUE = ("true", "yes")


@dataclass(frozen=True)
class Place:
    """Whether an address shall be on a list. Empty: there is none, and what was made for the user shall go."""

    list: str
    address: str
    listed: bool


@dataclass(frozen=True)
class _Change:
    """The entries that shall go, and whether one must be made."""

    wrong: Sequence[str]
    missing: bool


def settle(ppp: Ppp, places: Mapping[str, Place], sent: set[str]) -> dict[str, Trap]:
    """Make each user's place so; answers why not for those for whom that failed.

    Into `sent` goes who is written for, before that is done.
    """
    refused: dict[str, Trap] = {}
    changes = _changes(ppp, places)
    for _ in range(_ROUNDS):
        if not changes:
            break
        sent.update(changes)
        for name, change in changes.items():
            try:
                _mend(ppp, name, places[name], change)
            except Trap as trap:
                refused[name] = trap
        changes = _changes(ppp, {name: places[name] for name in changes})
    not_kept = Trap(["the router took the change of an address list and did not keep it"])
    return {name: refused.get(name, not_kept) for name in changes}


def on_list(ppp: Ppp, list_name: str, addresses: Collection[str]) -> set[str]:
    """Which of any number of addresses are on a list."""
    found: set[str] = set()

    def take(row: Row) -> bool:
        if row.get("list") == list_name and row.get("disabled") not in _TRUE and row.get("address") in addresses:
            found.add(row["address"])
        return False  # rows are not kept

    ppp.rows(_MENU, "list,address,disabled", [f"?=list={list_name}"], take)
    return found


def _changes(ppp: Ppp, places: Mapping[str, Place]) -> dict[str, _Change]:
    """What must be done for those whose places are not so."""
    by_list: dict[str, dict[str, Place]] = {}
    for name, place in places.items():
        by_list.setdefault(place.list, {})[name] = place
    changes = {}
    for list_name, there in by_list.items():
        rows = _entries(ppp, list_name, there)
        for name, place in there.items():
            change = _change(name, place, rows)
            if change.wrong or change.missing:
                changes[name] = change
    return changes


def _change(name: str, place: Place, rows: Sequence[Row]) -> _Change:
    at = [row for row in rows if row.get("address") == place.address and row.get("list") == place.list]
    others = [row for row in rows if row.get("comment") == _comment(name) and row not in at]
    right = [row for row in at if place.listed and row.get("disabled") not in _TRUE]
    # What a session has put there, as its profile says, goes with the session and by nothing else.
    wrong = [row for row in (*at, *others) if row not in right and row.get("dynamic") not in _TRUE]
    return _Change([id_of(row) for row in wrong], missing=place.listed and not right)


def _entries(ppp: Ppp, list_name: str, places: Mapping[str, Place]) -> list[Row]:
    """The entries of a list with these users' addresses, and those of any list that were made for them."""
    addresses = {place.address for place in places.values() if place.address}
    comments = {_comment(name) for name in places}

    def is_wanted(row: Row) -> bool:
        there = row.get("address") in addresses and row.get("list") == list_name
        return there or row.get("comment") in comments

    theirs = any_of([f"?=comment={one}" for one in sorted(comments)])
    if addresses:
        there = any_of([f"?=address={one}" for one in sorted(addresses)])
        theirs += [*there, f"?=list={list_name}", "?#&", "?#|"]
    return ppp.rows(_MENU, _PROPERTIES, theirs, is_wanted)


def _mend(ppp: Ppp, name: str, place: Place, change: _Change) -> None:
    if change.wrong:
        ppp.command(f"{_MENU}/remove", change.wrong)
    if change.missing:
        ppp.add(_MENU, f"=list={place.list}", f"=address={place.address}", f"=comment={_comment(name)}")


def _comment(name: str) -> str:
    """How an entry says whose it is."""
    return f"rejesha {name}"
