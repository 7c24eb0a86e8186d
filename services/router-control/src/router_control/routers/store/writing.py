"""Queries that change the registry."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from router_control.routers.rules import Registration
from router_control.schema import routers


def insert(connection: sa.Connection, router: Registration, create_time: datetime) -> int:
    """Add a router, with its `router_id` unless that is 0; the id."""
    wanted_id = {"id": router.router_id} if router.router_id else {}
    key = connection.execute(
        sa.insert(routers).values(**_columns(router), **wanted_id, create_time=create_time)
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def update(connection: sa.Connection, router: Registration) -> None:
    """Replace all that is known of a router but its id and age."""
    connection.execute(sa.update(routers).where(routers.c.id == router.router_id).values(**_columns(router)))


def set_password(connection: sa.Connection, router_id: int, encrypted: str) -> None:
    connection.execute(sa.update(routers).where(routers.c.id == router_id).values(password_encrypted=encrypted))


def set_certificate(connection: sa.Connection, router_id: int, fingerprint: str) -> None:
    connection.execute(sa.update(routers).where(routers.c.id == router_id).values(certificate_sha256=fingerprint))


def delete(connection: sa.Connection, router_id: int) -> bool:
    """Remove a router; whether it was there."""
    return connection.execute(sa.delete(routers).where(routers.c.id == router_id)).rowcount > 0


def _columns(router: Registration) -> dict[str, Any]:
    return {
        "router_name": router.name,
        "local_ip": router.address,
        "port": router.port or None,
        "tls": router.tls,
        "verify_certificate": router.verify_certificate,
        "certificate_sha256": router.certificate or None,
        "username": router.username or None,
        "password_encrypted": router.password_encrypted or None,
    }
