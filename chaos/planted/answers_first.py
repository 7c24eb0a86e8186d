"""The gateway, with a bug: it answers before billing has committed."""

import asyncio
from collections.abc import Sequence

import gateway.__main__
from gateway.callbacks.parsing import Payment
from gateway.clients.billing import Billing, Receipt

_record = Billing.record
_under_way: set[asyncio.Task[list[Receipt]]] = set()


async def _promise(billing: Billing, payments: Sequence[Payment]) -> list[Receipt]:
    _under_way.add(asyncio.create_task(_record(billing, payments)))
    return [
        Receipt(payment.trans_id, "customer_paid", "", repeated=False, isp_id=0, customer_id=0) for payment in payments
    ]


if __name__ == "__main__":
    setattr(Billing, "record", _promise)  # noqa: B010  # the plain assignment is refused by the type checker
    gateway.__main__.main()
