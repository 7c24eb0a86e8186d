"""The predecessor's SMS branch wrote to `isp_credit`, a table nobody reads: its credits are given to the ISPs."""

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from billing.adoption.predecessor import MISNAMED_CREDITS

log = structlog.get_logger()


def take_over_credits(connection: Connection) -> None:
    """Add up what is in the misnamed table and leave zeros behind. The caller commits all of it or nothing."""
    inspector = sa.inspect(connection)
    if MISNAMED_CREDITS not in inspector.get_table_names():
        return
    columns = {column["name"] for column in inspector.get_columns(MISNAMED_CREDITS)}
    if not {"isp_id", "sms_credits"} <= columns:
        return
    sums = "SELECT isp_id, SUM(sms_credits) AS n FROM isp_credit WHERE sms_credits <> 0 GROUP BY isp_id"
    for row in connection.execute(sa.text(sums)).all():
        _give(connection, row.isp_id, row.n)
        log.warning("misnamed_credits_taken_over", isp_id=row.isp_id, sms_credits=str(row.n))
    connection.execute(sa.text("UPDATE isp_credit SET sms_credits = 0 WHERE sms_credits <> 0"))


def _give(connection: Connection, isp_id: int, number: int) -> None:
    given = {"n": number, "isp_id": isp_id}
    update = sa.text("UPDATE isp_credits SET sms_credits = sms_credits + :n WHERE isp_id = :isp_id")
    if not connection.execute(update, given).rowcount:
        insert = "INSERT INTO isp_credits (isp_id, sms_credits, whatsapp_credits) VALUES (:isp_id, :n, 0)"
        connection.execute(sa.text(insert), given)
