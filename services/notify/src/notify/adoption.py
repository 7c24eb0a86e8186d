"""What stands in the way of notify's tables in a schema that is there. Called by `migrate` only."""

import sqlalchemy as sa
from servicekit.migrate import version_table
from servicekit.schema.adoption import Adoption

# Columns that tell our table from one of somebody else's with its name.
_OURS = {
    "messages": ("message_id", "phone", "state", "fencing_token", "expire_time"),
    version_table("notify"): ("version_num",),
}

_adoption = Adoption(sa.MetaData(), {}, _OURS)
inspect = _adoption.inspect
prepare = _adoption.prepare
