"""The table of packages, beside those in billing.schema. A package is known by its name among its ISP's."""

import sqlalchemy as sa

from billing.columns import Cents, Word
from billing.schema import metadata

packages = sa.Table(
    "line_packages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("isp_id", sa.Integer, nullable=False),
    sa.Column("name", Word, nullable=False),
    sa.Column("price", Cents(), nullable=False),
    sa.Column("period", Word, nullable=False),
    sa.Column("profile", sa.String(60), nullable=False),  # empty: none of its own
    sa.Column("closed", sa.Boolean(create_constraint=False), nullable=False),
    sa.UniqueConstraint("isp_id", "name", name="uq_line_packages_isp_id_name"),
)
