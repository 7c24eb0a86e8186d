from billing.followups import Line
from billing.models import paybill_payments, payment_debug_log, tasks
from billing.payments import Outcome
from billing.reporting import AccessResult, Report


def test_a_customer_s_payment_goes_the_whole_way(desk):
    receipt = desk.pay("TKE34A5QM8", " 0949aq ")
    assert receipt.outcome is Outcome.CUSTOMER_PAID
    assert desk.wallet(1) == 100_000
    (line,) = desk.lease()
    assert line.work == Line(1, "0949AQ")
    assert desk.customer("0949AQ").status == "inactive"
    assert desk.report(Report(line.task_id, line.epoch, access=AccessResult.CHANGED, router_name="Tower 1")) == []
    assert desk.customer("0949AQ").status == "active"
    (messages,) = desk.lease()
    assert [m.template for m in messages.work] == [
        "customer_connected",
        "payment_notice",
        "payment_notice",
        "payment_notice",
    ]
    assert messages.work[1].facts["router"] == "Tower 1"
    assert desk.report(Report(messages.task_id, messages.epoch, accepted=True)) == []
    assert {task.state for task in desk.rows(tasks)} == {"done"}
    print([(s.category, s.message, s.details) for s in desk.rows(payment_debug_log)])
    desk.check_books()
