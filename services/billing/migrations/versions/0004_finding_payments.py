"""Indexes by which payments are found: by customer, ISP, payer's number and time.

They are built while payments are taken in: nothing waits for them.
"""

from alembic import op
from billing.adoption import indexes
from billing.adoption.predecessor import metadata

revision = "0004"
down_revision = "0003"


def upgrade():
    """What is made or adopted now has them already."""
    indexes.create_missing(op.get_bind(), metadata.tables["paybill_payments"])


def downgrade():
    """Leaves them: they are in nobody's way."""
