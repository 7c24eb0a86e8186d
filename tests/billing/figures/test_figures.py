"""What Prometheus is told of the business, on each database: how much waits, since when, and what is low."""

from datetime import timedelta

import sqlalchemy as sa
from billing.checks import service as checks
from billing.checks.rules import Check
from billing.checks.tables import router_checks
from billing.figures import service, store
from billing.quarantine import service as quarantine
from billing.quarantine.rules import NewCallback
from billing.schema import paybill_payments
from billing.tasks.rules import AccessOutcome

HOUR = 3600


def figures(desk):
    """Each figure by the rest of its name and by its labels' values."""
    samples = [sample for metric in service.look_up(desk.engine) for sample in metric.samples]
    return {(one.name.removeprefix("rejesha_"), *one.labels.values()): one.value for one in samples}


def test_where_nothing_waits_all_figures_are_there_and_nought(desk):
    assert figures(desk) == dict.fromkeys(
        [
            ("payments_held",),
            ("payments_held_shillings",),
            ("payments_held_oldest_age_seconds",),
            ("quarantine_callbacks",),
            ("quarantine_oldest_age_seconds",),
            ("router_check_oldest_age_seconds",),
            *((f"tasks_due{name}", kind) for name in ("", "_oldest_age_seconds") for kind in store.TaskKind),
        ],
        0,
    )


def test_held_money_is_counted_to_the_cent_since_the_first_of_it(desk):
    desk.pay("HELD1", "NOBODY", "100.25")
    desk.pay("HELD2", "NOBODY", "0.50")
    desk.pay("PLACED", "ACC001", "999")
    first = desk.payment("HELD1").received_at - timedelta(hours=1)
    desk.execute(sa.update(paybill_payments).where(paybill_payments.c.TransID == "HELD1").values(received_at=first))
    found = figures(desk)
    assert (found["payments_held",], found["payments_held_shillings",]) == (2, 100.75)
    age = found["payments_held_oldest_age_seconds",]
    assert HOUR - 1 <= age < 2 * HOUR  # a predecessor's column rounds to seconds
    desk.assign("HELD1", "ACC001")
    found = figures(desk)
    assert (found["payments_held",], found["payments_held_shillings",]) == (1, 0.5)
    assert found["payments_held_oldest_age_seconds",] < HOUR


def test_callbacks_in_quarantine_wait_until_they_are_closed(desk):
    first, _ = quarantine.keep(desk.engine, desk.policy, [NewCallback(key, b"?", "no JSON") for key in ("a", "b")])
    found = figures(desk)
    assert found["quarantine_callbacks",] == 2
    assert 0 <= found["quarantine_oldest_age_seconds",] < HOUR
    quarantine.resolve(desk.engine, first, "", "junk")
    assert figures(desk)["quarantine_callbacks",] == 1


def test_a_router_is_unchecked_from_the_first_time_it_was_to_be_compared(desk):
    assert checks.claim(desk.engine, timedelta(hours=6))
    began = checks.list_checks(desk.engine)[0][0].begin_time - timedelta(hours=2)
    desk.execute(sa.update(router_checks).values(create_time=began))
    checks.report(desk.engine, Check(2, lines=1))
    checks.report(desk.engine, Check(1, fault="unreachable"))
    assert figures(desk)["router_check_oldest_age_seconds",] >= 2 * HOUR
    checks.report(desk.engine, Check(1, lines=2))
    assert figures(desk)["router_check_oldest_age_seconds",] < HOUR


def test_tasks_are_due_from_their_time_on_also_while_they_are_carried_out(desk):
    desk.pay("PAID", "0949AQ")
    desk.forward(timedelta(hours=1))
    found = figures(desk)
    assert found["tasks_due", "set_access"] == 1
    assert HOUR <= found["tasks_due_oldest_age_seconds", "set_access"] < 2 * HOUR
    assert desk.lease()
    assert figures(desk)["tasks_due", "set_access"] == 1  # under way
    desk.forward(timedelta(hours=-3))
    assert figures(desk)["tasks_due", "set_access"] == 0


def test_lines_wait_for_the_routers_that_failed_and_the_worst_come_first(desk, dispatcher):
    for trans_id, account in (("A1", "0949AQ"), ("A2", "WAIRIMU1"), ("B1", "77XY")):
        desk.pay(trans_id, account)
    assert ("router_waiting_lines", "1") not in figures(desk)  # nobody has tried yet
    dispatcher.script = {1: [AccessOutcome.UNREACHABLE], 2: [AccessOutcome.UNREACHABLE]}
    dispatcher.carry_out()
    found = figures(desk)
    assert (found["router_waiting_lines", "1"], found["router_waiting_lines", "2"]) == (2, 1)
    assert 0 <= found["router_waiting_oldest_age_seconds", "1"] < HOUR
    with desk.engine.connect() as connection:
        (worst,) = store.waiting_lines(connection, 1)
    assert (worst.router_id, worst.count) == (1, 2)
    dispatcher.run()
    assert ("router_waiting_lines", "1") not in figures(desk)


def test_the_isps_with_the_fewest_credits_of_either_kind_come_first(desk):
    for trans_id, account, amount in (("S1", "SMS001", "50"), ("W1", "WA001", "1"), ("S2", "SMS002", "3")):
        desk.pay(trans_id, account, amount)
    desk.pay("W2", "WA002", "20")
    found = figures(desk)
    assert {key[1:]: value for key, value in found.items() if key[0] == "isp_credits"} == {
        ("1", "sms"): 100,
        ("1", "whatsapp"): 5,
        ("2", "sms"): 6,
        ("2", "whatsapp"): 100,
    }
    with desk.engine.connect() as connection:
        assert [one.isp_id for one in store.lowest_credits(connection, 1)] == [1]
