"""Finds out by halving which of many items have to wait, when a row is held and nobody knows for which of them.

A module of its own: only what a held row broke comes here.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from servicekit.rpc import call
from servicekit.rpc.errors import RowLocked

Item = TypeVar("Item")
T = TypeVar("T")


def by_halves(items: Sequence[Item], work: Callable[[Sequence[Item]], list[T]], refused: RowLocked) -> list[T]:
    """Work on the halves of items apart, after `refused` came of all together.

    Raises RowLocked for those that have to wait, when the others are done.
    """
    if len(items) == 1 or call.remaining() <= 0:
        raise refused
    middle = len(items) // 2
    done: list[T] = []
    fault = None
    for half in (items[:middle], items[middle:]):
        try:
            done += _whole_or_halved(half, work)
        except RowLocked as error:
            fault = error
    if fault:
        raise fault
    return done


def _whole_or_halved(items: Sequence[Item], work: Callable[[Sequence[Item]], list[T]]) -> list[T]:
    try:
        return work(items)
    except RowLocked as error:
        return by_halves(items, work, error)
