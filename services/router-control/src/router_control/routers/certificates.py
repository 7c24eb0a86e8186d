"""The first certificate that a router shows is remembered, and counts from then on.

Owns the transaction for that. A module of its own: a router is first connected to once.
"""

from collections.abc import Callable

import sqlalchemy as sa
from servicekit.database import transact

from router_control.routers.rules import Registration, leads_elsewhere
from router_control.routers.store import reading, writing


def remember(engine: sa.Engine, seen: Registration, port_of: Callable[[Registration], int], shown: str) -> str:
    """The certificate that counts for a router: `shown`, if none is remembered and it is still where it was seen.

    Raises RouterNotFound.
    """

    def work(connection: sa.Connection) -> str:
        present = reading.get(connection, seen.router_id, lock=True)
        if present.certificate or leads_elsewhere(present, seen, port_of):
            return present.certificate
        writing.set_certificate(connection, seen.router_id, shown)
        return shown

    return transact(engine, work)
