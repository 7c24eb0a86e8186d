"""Accounts that are on record with characters that nobody sees, or in full width, are kept as they are seen."""

from alembic import op
from billing.adoption import unseen

revision = "0006"
down_revision = "0005"


def upgrade():
    unseen.clean_accounts(op.get_bind())


def downgrade():
    """Leaves them: they look the same."""
