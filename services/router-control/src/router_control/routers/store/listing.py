"""Queries on many routers of the registry at once."""

import sqlalchemy as sa

from router_control.routers.rules import Registration
from router_control.routers.store.reading import registration_of
from router_control.schema import routers


def find_all(connection: sa.Connection) -> list[Registration]:
    """All routers by id."""
    return [registration_of(row) for row in connection.execute(sa.select(routers).order_by(routers.c.id)).mappings()]


def lock_those_with_passwords(connection: sa.Connection) -> list[Registration]:
    """The routers that have a password, by id; nobody else changes them before this transaction ends."""
    found = sa.select(routers).where(routers.c.password_encrypted.is_not(None)).order_by(routers.c.id)
    return [registration_of(row) for row in connection.execute(found.with_for_update()).mappings()]


def name_is_taken(connection: sa.Connection, name: str, *, except_id: int = 0) -> bool:
    """Whether another router has this name, in the sense of the column's collation."""
    taken = sa.select(routers.c.id).where(routers.c.router_name == name, routers.c.id != except_id).limit(1)
    return connection.execute(taken).first() is not None
