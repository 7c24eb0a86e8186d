"""What ISPs decide on their customers' lines."""

import sqlalchemy as sa
from alembic import op
from servicekit.schema.columns import EXACT

revision = "0010"
down_revision = "0009"

metadata = sa.MetaData()

sa.Table(
    "line_policies",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("noun", sa.String(30), nullable=False),
    sa.Column("noun_id", sa.Integer, nullable=False),
    sa.Column("field", sa.String(30), nullable=False),
    sa.Column("value", sa.String(255), nullable=False),
    sa.UniqueConstraint("noun", "noun_id", "field", name="uq_line_policies_noun_noun_id_field"),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate=EXACT,
)


def upgrade():
    metadata.create_all(op.get_bind())  # its key is made with it


def downgrade():
    metadata.drop_all(op.get_bind())
