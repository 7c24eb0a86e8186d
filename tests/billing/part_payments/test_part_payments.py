"""Where an ISP decided so, part payments are kept for their customer and spent as soon as they make a package."""

from itertools import count

import pytest
import sqlalchemy as sa
from billing.ledger import service as ledger
from billing.payments import validation
from billing.payments.rules import Outcome
from billing.policies.rules import Overpayments
from billing.reversals import service as reversals
from billing.reversals import unassigning
from billing.schema import ledger_transfers, line_policies, paybill_payments, payment_debug_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.rpc.errors import ServiceError

from tests.billing.concurrency import at_once
from tests.billing.desk import CUSTOMER_PHONE, payment
from tests.billing.opening import open_desk


def decide(desk, noun="isp", noun_id=1, value="credit", field="part_payments"):
    desk.execute(sa.insert(line_policies).values(noun=noun, noun_id=noun_id, field=field, value=value))


@pytest.fixture
def keeping(desk):
    decide(desk)
    return desk


def credit(desk, account="0949AQ"):
    name = f"credit:{desk.customer(account).id}"
    return ledger.list_accounts(desk.engine, name)[name]


def due(desk):
    row = desk.customer("0949AQ")
    return row.next_payment_date, row.due_day


def undo(desk, trans_id, how=unassigning.unassign):
    return how(desk.engine, desk.policy, trans_id, "Asha", "why").notes


def test_they_are_kept_until_they_make_a_package_and_what_is_left_stays(keeping, dispatcher):
    desk = keeping
    before = desk.customer("0949AQ").next_payment_date
    assert desk.pay("A1", "0949AQ", "400").outcome is Outcome.CUSTOMER_PARTIAL
    assert desk.pay("A2", "0949AQ", "300").outcome is Outcome.CUSTOMER_PARTIAL
    assert (desk.wallet(1), credit(desk), desk.customer("0949AQ").next_payment_date) == (0, 70_000, before)
    _, again = desk.rows(payment_debug_log, category="CREDIT_KEPT")
    assert again.message == "KES 300.00 kept as the customer's credit, which is KES 700.00 now"
    assert "WALLET_UPDATED" not in desk.timeline("A1")
    assert desk.one(payment_debug_log, category="INSUFFICIENT_PAYMENT", transaction_id="A2").message.startswith(
        "KES 300.00 short"
    )
    dispatcher.run()
    desk.check_books()
    assert desk.pay("A3", "0949AQ", "450").outcome is Outcome.CUSTOMER_PAID
    dispatcher.run()
    assert (desk.wallet(1), credit(desk)) == (100_000, 15_000)
    assert desk.customer("0949AQ").next_payment_date > desk.today()
    assert dispatcher.told()[CUSTOMER_PHONE] == ["customer_kept", "customer_kept", "customer_connected"]
    customer_id = desk.customer("0949AQ").id
    moves = [(row.transfer_key, row.kind, row.from_account, row.amount) for row in desk.rows(ledger_transfers)]
    assert moves[2:] == [
        ("A3.1", "payment", "paybill:600100", 45_000), ("A3.2", "spending", f"credit:{customer_id}", 55_000)
    ]  # fmt: skip
    desk.pay("A4", "0949AQ", "1000")
    assert (desk.wallet(1), credit(desk)) == (200_000, 15_000)
    desk.check_books()


def test_those_of_one_batch_add_up(keeping):
    receipts = keeping.pay_batch(*(payment(f"A{n}", "0949AQ", "400") for n in range(4)))
    paid = Outcome.CUSTOMER_PARTIAL, Outcome.CUSTOMER_PARTIAL, Outcome.CUSTOMER_PAID, Outcome.CUSTOMER_PARTIAL
    assert tuple(one.outcome for one in receipts) == paid
    assert (keeping.wallet(1), credit(keeping)) == (100_000, 60_000)
    keeping.check_books()


def test_a_customer_s_own_decision_counts_and_nobody_else_s_money_is_kept(keeping):
    decide(keeping, "customer", keeping.customer("0949AQ").id, "wallet")
    keeping.pay_batch(payment("A1", "0949AQ", "400"), payment("A2", "WAIRIMU1", "400"), payment("A3", "77XY", "400"))
    assert (keeping.wallet(1), keeping.wallet(2)) == (40_000, 40_000)
    assert (credit(keeping), credit(keeping, "WAIRIMU1"), credit(keeping, "77XY")) == (0, 40_000, 0)


def test_what_is_kept_is_spent_though_no_more_is_kept(keeping):
    keeping.pay("A1", "0949AQ", "400")
    keeping.execute(sa.delete(line_policies))
    assert keeping.pay("A2", "0949AQ", "500").outcome is Outcome.CUSTOMER_PARTIAL
    assert (keeping.wallet(1), credit(keeping)) == (50_000, 40_000)
    asked = validation.validate(keeping.engine, keeping.policy, [payment("", "0949AQ", "600")])
    assert [one.outcome for one in asked] == [Outcome.CUSTOMER_PAID]
    assert keeping.pay("A3", "0949AQ", "600").outcome is Outcome.CUSTOMER_PAID
    assert (keeping.wallet(1), credit(keeping)) == (150_000, 0)
    keeping.check_books()


def test_what_is_assigned_is_kept_and_spent_likewise(keeping):
    for number, outcome in enumerate((Outcome.CUSTOMER_PARTIAL, Outcome.CUSTOMER_PAID)):
        keeping.pay(f"A{number}", "NOBODY", "600")
        assert keeping.assign(f"A{number}", "0949AQ").outcome is outcome
    assert (keeping.wallet(1), credit(keeping)) == (100_000, 20_000)
    keeping.check_books()


def test_what_is_taken_back_is_credit_again_and_what_is_spent_is_owed(keeping):
    before = keeping.customer("0949AQ").next_payment_date
    keeping.pay("A1", "0949AQ", "400")
    keeping.pay("A2", "0949AQ", "700")
    notes = undo(keeping, "A2")
    assert "KES 300.00 of it is the customer's credit again" in notes
    assert (keeping.wallet(1), credit(keeping), keeping.customer("0949AQ").next_payment_date) == (0, 40_000, before)
    keeping.assign("A2", "0949AQ")
    owed = "KES 400.00 left the customer's credit, which is KES -300.00 now: that is spent, and the customer owes it"
    assert owed in undo(keeping, "A1", reversals.reverse)
    keeping.check_books()
    keeping.pay("A3", "0949AQ", "900")
    assert (keeping.wallet(1), credit(keeping)) == (100_000, 60_000)
    keeping.check_books()


def test_ten_at_once_spend_it_once(keeping):
    keeping.pay("A0", "0949AQ", "600")
    at_once([lambda n=n: keeping.pay(f"A{n}", "0949AQ", "400") for n in range(1, 11)])
    # 600 + 10 times 400 make four packages, and 600 are left
    assert (keeping.wallet(1), credit(keeping)) == (400_000, 60_000)
    keeping.check_books()


def test_of_a_full_payment_neither_credit_nor_policy_is_read(keeping):
    keeping.pay("A1", "0949AQ", "400")
    said = []

    def hear(*heard):
        said.append(heard[2])

    def read_of_it():
        return [one for one in said if "line_policies" in one or "FROM ledger_transfers" in one]

    sa.event.listen(keeping.engine, "before_cursor_execute", hear)
    try:
        keeping.pay_batch(payment("A2", "0949AQ"), payment("A3", "WAIRIMU1"), payment("A4", "SMS001", "10"))
        assert said
        assert not read_of_it()
        keeping.pay("A5", "0949AQ", "100")
        assert read_of_it()
    finally:
        sa.event.remove(keeping.engine, "before_cursor_execute", hear)


EXAMPLE = count()
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "pay", "assign", "unassign", "reverse"]),
        st.integers(0, 3),
        st.sampled_from(["0949AQ", "NOBODY"]),
    ),
    min_size=4,
    max_size=16,
)
SHILLINGS = st.lists(st.sampled_from(["300", "500", "999.99", "1000", "1200", "3700"]), min_size=4, max_size=4)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def test_whatever_is_done_the_books_are_right_and_reversing_all_leaves_nothing(request, database):
    desk = open_desk(request.getfixturevalue(f"{database}_engine"))

    @settings(max_examples=25 if database == "sqlite" else 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS, shillings=SHILLINGS, order=st.permutations(range(4)), over=st.sampled_from(Overpayments))
    def run(steps, shillings, order, over):
        example = next(EXAMPLE)
        desk.execute(sa.delete(line_policies))
        decide(desk)
        decide(desk, value=over, field="overpayments")
        placed, before = "", due(desk)
        deeds = {
            "pay": desk.pay,
            "assign": lambda code, account, _: desk.assign(code, account),
            "unassign": lambda code, *_: undo(desk, code),
            "reverse": lambda code, *_: undo(desk, code, reversals.reverse),
        }
        for deed, n, account in [*steps, *(("reverse", n, "") for n in order)]:
            there, trans_id = due(desk), f"E{example}N{n}"
            try:
                deeds[deed](trans_id, account, shillings[n])
            except ServiceError:
                continue
            finally:
                if due(desk) != there and deed in {"pay", "assign"}:
                    placed, before = trans_id, there
                elif deed in {"unassign", "reverse"} and trans_id == placed:
                    # the last one that gave months: all of them are taken back
                    assert due(desk) == before
                    placed = ""
                assert credit(desk) + desk.wallet(1) == sum(row.TransAmount for row in _placed(desk))
        assert set(ledger.list_accounts(desk.engine).values()) <= {0}
        desk.check_books()

    run()


def _placed(desk):
    return [row for row in desk.rows(paybill_payments) if row.customer_id and row.outcome != "reversed"]
