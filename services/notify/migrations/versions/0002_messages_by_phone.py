"""An index by which the messages to a number are found. It is built while messages are accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("messages")}
    if "ix_messages_phone" not in present:  # MySQL commits it before the version
        op.create_index("ix_messages_phone", "messages", ["phone"])


def downgrade():
    op.drop_index("ix_messages_phone", "messages")
