"""The rows that payments share with others, and the error that names those that could not be had. Pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from servicekit.rpc.errors import RowLocked

Key = str | int


class RowKind(StrEnum):
    """What a row is, and what its key is."""

    ACCOUNT = "account"  # the customers with a normalised account
    CUSTOMER = "customer"  # by id
    WALLET = "wallet"  # by ISP
    CREDITS = "credits"  # by ISP
    PAYMENT = "payment"  # by TransID
    ISP = "isp"  # by id; an operator's foreign key locks it


class Row(NamedTuple):
    """One of them."""

    kind: RowKind
    key: Key


class RowsLocked(RowLocked):
    """Another transaction holds one or more of these rows; nothing was done."""

    def __init__(self, rows: Iterable[Row]) -> None:
        super().__init__("another transaction holds a row")
        self.rows = frozenset(rows)
