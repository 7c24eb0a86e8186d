"""What a paybill's balances, as callbacks name them, tell of money between two payments. Pure.

M-Pesa dates payments to the second, and those of one second in no order that we know. They are counted as one, with the
largest of their balances: payments only raise it, so where nothing is taken out in that second this is the last one.
Where something is, it may be told with a later payment, and never as money that did not reach us.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby


@dataclass(slots=True)
class Point:
    """A payment to a shortcode: `time` as M-Pesa writes it, YYYYMMDDHHmmss; the balance after it, None without one."""

    shortcode: str
    time: str
    trans_id: str
    amount_cents: int
    balance_cents: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two payments of a shortcode the balance changed by so much more, or less, than what we know came in.

    More than 0: that much did not reach us, if not more came and some was taken out. Less: that much was taken out.
    """

    after: Point
    before: Point
    cents: int


def find(points: Iterable[Point]) -> Iterator[Gap]:
    """The gaps of payments that come by shortcode, then time."""
    for _, of_shortcode in groupby(points, lambda one: one.shortcode):
        yield from _of_shortcode(of_shortcode)


def _of_shortcode(points: Iterable[Point]) -> Iterator[Gap]:
    last: Point | None = None
    came_in = 0  # since the last one, by payments that name no balance
    for _, second in groupby(points, lambda one: one.time):
        together = list(second)
        silent = sum(one.amount_cents for one in together if one.balance_cents is None)
        newest = max(together, key=_balance)
        if newest.balance_cents is None:
            came_in += silent
            continue
        later = 0
        if last:
            known = came_in + sum(one.amount_cents for one in together)
            cents = _balance(newest) - _balance(last) - known
            # Of the silent ones of this second some may have come after it.
            later = min(silent, max(-cents, 0))
            if cents + later:
                yield Gap(last, newest, cents + later)
        last, came_in = newest, later


def _balance(point: Point) -> int:
    return _LEAST if point.balance_cents is None else point.balance_cents


_LEAST = -(10**18)  # less than any balance
