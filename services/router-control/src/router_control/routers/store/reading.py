"""Queries that read the registry, or lock a router of it."""

import sqlalchemy as sa

from router_control.routers.errors import RouterNotFound
from router_control.routers.rules import Registration
from router_control.schema import routers


def get(connection: sa.Connection, router_id: int, *, lock: bool = False) -> Registration:
    """`lock`: nobody else changes it before this transaction ends. Raises RouterNotFound."""
    router = find(connection, router_id, lock=lock)
    if router is None:
        raise RouterNotFound(f"there is no router {router_id}")
    return router


def find(connection: sa.Connection, router_id: int, *, lock: bool = False) -> Registration | None:
    """`lock`: nobody else changes it before this transaction ends."""
    found = sa.select(routers).where(routers.c.id == router_id)
    row = connection.execute(found.with_for_update() if lock else found).mappings().first()
    return _registration(row) if row else None


def find_all(connection: sa.Connection) -> list[Registration]:
    """All routers by id."""
    return [_registration(row) for row in connection.execute(sa.select(routers).order_by(routers.c.id)).mappings()]


def lock_those_with_passwords(connection: sa.Connection) -> list[Registration]:
    """The routers that have a password, by id; nobody else changes them before this transaction ends."""
    found = sa.select(routers).where(routers.c.password_encrypted.is_not(None)).order_by(routers.c.id)
    return [_registration(row) for row in connection.execute(found.with_for_update()).mappings()]


def name_is_taken(connection: sa.Connection, name: str, *, except_id: int = 0) -> bool:
    """Whether another router has this name, in the sense of the column's collation."""
    taken = sa.select(routers.c.id).where(routers.c.router_name == name, routers.c.id != except_id).limit(1)
    return connection.execute(taken).first() is not None


def _registration(row: sa.RowMapping) -> Registration:
    """A row as we see it: an adopted one may lack anything but its id."""
    return Registration(
        router_id=row["id"],
        name=row["router_name"] or "",
        address=(row["local_ip"] or "").strip(),
        port=row["port"] or 0,
        tls=row["tls"],
        verify_certificate=row["verify_certificate"],
        username=row["username"] or "",
        password_encrypted=row["password_encrypted"] or "",
        certificate=row["certificate_sha256"] or "",
    )
