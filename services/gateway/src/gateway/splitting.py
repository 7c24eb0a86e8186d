"""Keeps one bad item from hurting its neighbours in a batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.errors import Broken, Refused

Item = TypeVar("Item")
Result = TypeVar("Result")


async def carry_all(
    items: Sequence[Item],
    carry: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
    give_up: Callable[[Item, Refused | Broken], Result],
) -> list[Result]:
    """The result of each item, in order.

    `carry` takes a batch and answers one result an item. When it refuses or breaks, the halves are tried apart,
    down to the single item that is to blame; that one gets what `give_up` says. A service that is merely
    away raises through: asking it more often would not help.
    """
    if not items:
        return []  # no service takes an empty batch
    try:
        results = list(await carry(items))
    except (Refused, Broken) as error:
        if len(items) == 1:
            return [give_up(items[0], error)]
        middle = len(items) // 2
        return [
            *await carry_all(items[:middle], carry, give_up),
            *await carry_all(items[middle:], carry, give_up),
        ]
    if len(results) != len(items):
        raise AssertionError(f"{len(items)} items, {len(results)} results")
    return results
