"""The predecessor's tables: created where they are missing, adopted, rows and all, where they are there.

Every step looks before it acts, because MySQL commits each ALTER by itself: a migration that was cut off is run again.
"""

from alembic import op
from billing.adoption import indexes, misnamed
from billing.adoption.predecessor import metadata

revision = "0001"
down_revision = None


def upgrade():
    """What is there has been adopted before; see env.py."""
    connection = op.get_bind()
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        indexes.create_missing(connection, table)
    misnamed.take_over_credits(connection)  # last: it counts together with the version


def downgrade():
    """Leaves the tables: their rows may be older than we are."""
