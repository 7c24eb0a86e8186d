"""How many messages of a topic a recipient was sent, so that nobody can make us send without end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

metadata = sa.MetaData()

sa.Table(
    "notice_tallies",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("topic", sa.String(30), nullable=False),
    sa.Column("recipient", sa.String(30), nullable=False),
    sa.Column("since", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("held_back", sa.Integer, nullable=False),
    sa.Column("held_back_cents", sa.BigInteger().with_variant(mysql.DECIMAL(18, 2), "mysql"), nullable=False),
    sa.Column("digest_id", sa.BigInteger),
    sa.UniqueConstraint("topic", "recipient", name="uq_notice_tallies_topic_recipient"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)


def upgrade():
    metadata.create_all(op.get_bind())  # creates what is missing: a cut-off run may have made it


def downgrade():
    metadata.drop_all(op.get_bind())
