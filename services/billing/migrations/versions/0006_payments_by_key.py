"""Payments are found by their TransID as it is compared, whatever the column's collation and whatever was stored.

For databases that were made before 0001 had it.
"""

import sqlalchemy as sa
from alembic import op
from billing.store.adoption import indexes
from billing.store.adoption.predecessor import metadata, trans_key

revision = "0006"
down_revision = "0005"

TABLE = "paybill_payments"
OLD_INDEX = "uq_paybill_payments_TransID"


def upgrade():
    connection = op.get_bind()
    if "trans_key" not in {column["name"] for column in sa.inspect(connection).get_columns(TABLE)}:
        op.add_column(TABLE, trans_key())
    indexes.create_missing(connection, metadata.tables[TABLE])
    if OLD_INDEX in {index["name"] for index in sa.inspect(connection).get_indexes(TABLE)}:
        op.drop_index(OLD_INDEX, TABLE)  # ours; one that the predecessor made has another name and stays


def downgrade():
    """Leaves them: a key more does no harm."""
