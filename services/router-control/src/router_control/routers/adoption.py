"""The predecessor's `routers` as we need it, and what stands in the way of that. Called by `migrate` only.

What the predecessor holds stays as it is: missing columns are added, short ones widened, names may be there twice.
"""

from typing import Any

import sqlalchemy as sa
from servicekit.migrate import version_table
from servicekit.moments import UtcDateTime
from servicekit.schema.adoption import Adoption, answer
from servicekit.schema.columns import READABLE
from servicekit.schema.findings import Findings, Question
from servicekit.schema.snapshot import Schema
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
        sa.Column("create_time", UtcDateTime, **null),
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

_OTHERS_LOGINS = Question(
    "SELECT 1 FROM routers WHERE username <> '' LIMIT 1",
    "routers.username holds logins of your own. We will log in with them and without a password until you give each"
    " router its own: rejesha router update ID --username … --password-file …",
)


def _look_at_logins(connection: Connection, schema: Schema) -> Findings:
    not_ours = schema.has("routers", "username") and not schema.has("routers", "password_encrypted")
    return Findings(warnings=[_OTHERS_LOGINS.obstacle] if not_ours and answer(connection, _OTHERS_LOGINS) else [])


_adoption = Adoption(metadata, {version_table("router_control"): ("version_num",)}, look_further=_look_at_logins)
inspect = _adoption.inspect
prepare = _adoption.prepare
