"""The table `routers`: the predecessor's three columns, which its own screens read and write, and ours beside them.

Ours have defaults or may be NULL, so that the predecessor can still insert.
"""

import sqlalchemy as sa
from servicekit.moments import UtcDateTime

metadata = sa.MetaData()

# Names that differ only in case are the same name on MySQL; SQLite needs to be told.
_Name = sa.String(255).with_variant(sa.String(255, collation="NOCASE"), "sqlite")

routers = sa.Table(
    "routers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("router_name", _Name),
    sa.Column("local_ip", sa.String(255)),
    sa.Column("port", sa.Integer),
    sa.Column("tls", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("verify_certificate", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("certificate_sha256", sa.String(64)),
    sa.Column("username", sa.String(100)),
    sa.Column("password_encrypted", sa.Text),
    sa.Column("create_time", UtcDateTime),
    sqlite_autoincrement=True,
)
