"""Names of the protos' enum values, as our own code and JSON use them."""

from typing import Any, Protocol


class _Enum(Protocol):
    def Name(self, number: Any) -> str: ...  # noqa: N802


def name_of(enum: _Enum, prefix: str, number: int) -> str:
    """PAYMENT_OUTCOME_CUSTOMER_PAID with the prefix PAYMENT_OUTCOME_ as "customer_paid"."""
    try:
        return enum.Name(number).removeprefix(prefix).lower()
    except ValueError:  # the other side is newer than we are
        return f"number_{number}"
