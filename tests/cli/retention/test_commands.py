"""`rejesha purge`: what is old goes, what is young stays, and it says how much of each."""

import pytest


@pytest.fixture
def old(billing, notifier):
    billing.add_customers("0949AQ", package_cents=100_000)
    for number in range(205):  # more than one bite
        notifier.accept(f"m{number}", "QGH7SK61SU", "SENT")
    billing.pay("QGH7SK61SU", "0949AQ")
    with billing.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE payment_debug_log SET created_at = '2020-01-01 00:00:00.000000'")
    with notifier.engine.begin() as connection:
        change = "UPDATE messages SET create_time = '2020-01-01 00:00:00.000000' WHERE message_id != 'm204'"
        connection.exec_driver_sql(change)


def test_what_is_old_is_deleted_and_counted(installation, billing, notifier, old):
    purged = installation("purge", "--json").document["purged"]
    deleted = {one["what"]: one["deleted"] for one in purged}
    assert deleted.pop("log") > 3
    assert deleted == {"messages": 204, "tasks": 0, "callbacks": 0, "quarantine": 0}
    assert billing.get("QGH7SK61SU").payment.amount_cents == 100_000
    assert len(installation("message", "list", "--json").document["messages"]) == 1
    shown = installation("purge")
    assert shown.code == 0
    assert "callbacks" in shown.out


def test_a_week_is_kept_whatever_is_asked(installation):
    refused = installation("purge", "--log", "6")
    assert refused.code == 2
    assert "7" in refused.err
