"""Every query on the registry. Never commits."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from router_control.models import routers


def find_router(connection: sa.Connection, router_id: int, *, lock: bool = False) -> sa.RowMapping | None:
    """`lock`: nobody else changes it before this transaction ends."""
    found = sa.select(routers).where(routers.c.id == router_id)
    return connection.execute(found.with_for_update() if lock else found).mappings().first()


def list_routers(connection: sa.Connection) -> Sequence[sa.RowMapping]:
    return connection.execute(sa.select(routers).order_by(routers.c.id)).mappings().all()


def name_is_taken(connection: sa.Connection, name: str, *, except_id: int = 0) -> bool:
    """Whether another router has this name, in the sense of the column's collation."""
    taken = sa.select(routers.c.id).where(routers.c.router_name == name, routers.c.id != except_id).limit(1)
    return connection.execute(taken).first() is not None


def insert_router(connection: sa.Connection, values: Mapping[str, Any]) -> int:
    """Add a router; its id."""
    key = connection.execute(sa.insert(routers).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def update_router(connection: sa.Connection, router_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(sa.update(routers).where(routers.c.id == router_id).values(**values))


def delete_router(connection: sa.Connection, router_id: int) -> bool:
    """Remove a router; whether it was there."""
    return connection.execute(sa.delete(routers).where(routers.c.id == router_id)).rowcount > 0


def list_passwords(connection: sa.Connection) -> Sequence[sa.RowMapping]:
    """The encrypted passwords: `id`, `password_encrypted`. Locked, so that none changes while it is re-encrypted."""
    found = sa.select(routers.c.id, routers.c.password_encrypted).where(routers.c.password_encrypted.is_not(None))
    return connection.execute(found.with_for_update()).mappings().all()
