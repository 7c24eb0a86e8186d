"""The predecessor's `routers` as we need it, and what stands in the way of that. Called by `migrate` only.

What the predecessor holds stays as it is: missing columns are added, short ones widened, names may be there twice.
"""

from typing import Any

import sqlalchemy as sa
from servicekit.database import UtcDateTime
from servicekit.migrate import version_table
from servicekit.schema import adoption, snapshot
from servicekit.schema.columns import READABLE
from servicekit.schema.findings import Findings, Question, Refused
from servicekit.schema.snapshot import Schema
from servicekit.schema.tables import Fit
from sqlalchemy import Connection

# Marks on MySQL which columns of an adopted table are ours, for the way back.
OURS = "added by router-control"

metadata = sa.MetaData()


def columns() -> "list[sa.Column[Any]]":
    """The predecessor's three and ours; ours have defaults or may be NULL, so that it can still insert."""
    null: dict[str, Any] = {"info": {"null": True}, "comment": OURS}
    flag: dict[str, Any] = {"nullable": False, "server_default": sa.false(), "comment": OURS}
    return [
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("router_name", sa.String(255).with_variant(sa.String(255, collation="NOCASE"), "sqlite")),
        sa.Column("local_ip", sa.String(255)),
        sa.Column("port", sa.Integer, **null),
        sa.Column("tls", sa.Boolean, **flag),
        sa.Column("verify_certificate", sa.Boolean, **flag),
        sa.Column("certificate_sha256", sa.String(64), **null),
        sa.Column("username", sa.String(100), **null),
        sa.Column("password_encrypted", sa.Text, **null),
        sa.Column("created_at", UtcDateTime, **null),
    ]


routers = sa.Table(
    "routers",
    metadata,
    *columns(),
    info={"ours": ("router_name",)},
    sqlite_autoincrement=True,
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=READABLE,
)

_OWN = {version_table("router_control"): ("version_num",)}
_OTHERS_LOGINS = Question(
    "SELECT 1 FROM routers WHERE username <> '' LIMIT 1",
    "routers.username holds logins of your own. We will log in with them and without a password until you give each"
    " router its own: lipanet router update ID --username … --password-file FILE",
)


def inspect(connection: Connection) -> Findings:
    """What stands in the way of a migration, and what it will do. Changes nothing."""
    if connection.dialect.name != "mysql":
        return Findings()
    schema = snapshot.read(connection)
    return _look(connection, schema, _fits(connection, schema))


def prepare(connection: Connection) -> None:
    """Make the table, where there is one, what the migrations expect. Raises Refused before anything is changed."""
    if connection.dialect.name != "mysql":
        return
    schema = snapshot.read(connection)
    fits = _fits(connection, schema)
    findings = _look(connection, schema, fits)
    if findings.obstacles:
        raise Refused(findings)
    connection.commit()
    adoption.alter(connection, fits)


def _fits(connection: Connection, schema: Schema) -> list[Fit]:
    return adoption.fits(connection, schema, metadata, _OWN, {})


def _look(connection: Connection, schema: Schema, fits: list[Fit]) -> Findings:
    found = adoption.look(connection, schema, fits)
    if schema.has("routers", "username") and not schema.has("routers", "password_encrypted"):
        found += Findings(warnings=[one.obstacle for one in [_OTHERS_LOGINS] if adoption.answer(connection, one)])
    return found
