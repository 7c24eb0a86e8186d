"""Queries that read one router of the registry, or lock it."""

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
    return registration_of(row) if row else None


def registration_of(row: sa.RowMapping) -> Registration:
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
