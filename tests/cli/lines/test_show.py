"""`rejesha line show`: what is wanted of a line, and whose it is too."""

import sqlalchemy as sa
from billing.schema import pppoe_users

FAR = "2999-12-31"


def test_a_line_that_two_customers_have_says_so(installation, billing):
    billing.add_customers("ANN", "BEN", "CAROL", router_id=2, username="{name}", next_payment_date=FAR)
    with billing.engine.begin() as connection:
        theirs = sa.update(pppoe_users).where(pppoe_users.c.account_name == "BEN")
        connection.execute(theirs.values(username="ANN", line_wanted="on", line_reason="paid"))
    assert installation("line", "pause", "ANN", "--reason", "away", "--by", "Asha").code == 0
    told = installation("line", "show", "ANN").out
    assert "is to be off (paused)" in told
    assert "Also the line of BEN" in told
    line = installation("line", "show", "ANN", "--json").document["line"]
    assert (line["wanted"], line["asked"]) == ("off", "on")
    assert [(one["account_name"], one["wanted"], one["reason"]) for one in line["sharers"]] == [("BEN", "on", "paid")]
    assert "Also the line" not in installation("line", "show", "CAROL").out
