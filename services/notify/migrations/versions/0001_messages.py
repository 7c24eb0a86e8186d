"""Create the messages table."""

import sqlalchemy as sa
from alembic import op
from servicekit.columns import ExactText
from servicekit.moments import UtcDateTime

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {"ix_messages_state_due_time": ["state", "due_time"], "ix_messages_subject": ["subject"]}


def upgrade():
    # A migration that broke off half-way starts again here: MySQL commits each of these statements by itself.
    if not sa.inspect(op.get_bind()).has_table("messages"):
        create_table()
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("messages")}
    for name, columns in _INDEXES.items():
        if name not in present:
            op.create_index(name, "messages", columns)


def create_table():
    op.create_table(
        "messages",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("message_id", ExactText(100), nullable=False, comment="the caller's id, the idempotency key"),
        sa.Column(
            "phone", sa.String(100), nullable=False, comment="2547… or 2541…; as given when it is no such number"
        ),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("segments", sa.Integer, nullable=False),
        sa.Column("template", sa.String(100), nullable=False),
        sa.Column("subject", ExactText(100), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("provider_message_id", sa.String(100), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("doubts", sa.Integer, nullable=False, comment="attempts whose outcome is not known"),
        sa.Column(
            "fencing_token",
            sa.Integer,
            nullable=False,
            comment="counts the claims, so that a late result is known as such",
        ),
        sa.Column(
            "due_time", UtcDateTime, nullable=False, comment="QUEUED: when to send; SENDING: when the claim ends"
        ),
        sa.Column("expire_time", UtcDateTime, nullable=False),
        sa.Column("create_time", UtcDateTime, nullable=False),
        sa.Column("update_time", UtcDateTime, nullable=False),
        sa.UniqueConstraint("message_id", name="uq_messages_message_id"),
        comment="every SMS that notify accepted, and how far it got",
        # Said here and not left to the schema: an old one's character set knows no emoji, its engine no transaction.
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


def downgrade():
    op.drop_table("messages")
