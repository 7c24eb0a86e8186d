"""An index by which the customers are found that have the same line, built while payments are taken in."""

from alembic import op
from billing.adoption import indexes
from billing.adoption.predecessor import metadata

revision = "0014"
down_revision = "0013"


def upgrade():
    """What is made or adopted now has it already."""
    indexes.create_missing(op.get_bind(), metadata.tables["pppoe_users"])


def downgrade():
    """Leaves it: it is in nobody's way."""
