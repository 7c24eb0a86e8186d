"""The table of notify, and what stands in its way in a schema that is there already."""

import sqlalchemy as sa
from servicekit.columns import ExactText
from servicekit.migrate import version_table
from servicekit.moments import UtcDateTime
from servicekit.schema.adoption import Adoption

metadata = sa.MetaData()

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("message_id", ExactText(100), nullable=False, comment="the caller's id, the idempotency key"),
    sa.Column("phone", sa.String(100), nullable=False, comment="2547… or 2541…; as given when it is no such number"),
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
        "fencing_token", sa.Integer, nullable=False, comment="counts the claims, so that a late result is known as such"
    ),
    sa.Column("due_time", UtcDateTime, nullable=False, comment="QUEUED: when to send; SENDING: when the claim ends"),
    sa.Column("expire_time", UtcDateTime, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
    sa.UniqueConstraint("message_id", name="uq_messages_message_id"),
    sa.Index("ix_messages_state_due_time", "state", "due_time"),
    sa.Index("ix_messages_subject", "subject"),
    sa.Index("ix_messages_phone", "phone"),
    comment="every SMS that notify accepted, and how far it got",
)

# Columns that tell our table from one of somebody else's with its name. Asked by `migrate` only.
adoption = Adoption(
    sa.MetaData(),
    {},
    {
        "messages": ("message_id", "phone", "state", "fencing_token", "expire_time"),
        version_table("notify"): ("version_num",),
    },
)
