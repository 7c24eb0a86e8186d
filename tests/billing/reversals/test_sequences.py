"""Whatever is done to payments, in whatever order: the books are right, and who has what is as a simple model says."""

from collections import Counter
from itertools import count

import pytest
from billing.held import service as held
from billing.ledger import service as ledger
from billing.reversals import service as reversals
from billing.reversals import unassigning
from billing.schema import isp_wallet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.rpc.errors import ServiceError

from tests.billing.model import PRICES
from tests.billing.opening import open_desk

WHERE = {"0949AQ": ("", 1), "77XY": ("", 2), "ACC002": ("ACC", 2), "SMS001": ("SMS", 1), "WA002": ("WA", 2)}
ACCOUNTS = st.sampled_from([*WHERE, "NOBODY"])
DEEDS = st.sampled_from(["pay", "assign", "assign", "unassign", "unassign", "reverse", "dismiss"])
STEPS = st.lists(st.tuples(DEEDS, st.integers(0, 2), ACCOUNTS), min_size=4, max_size=16)
CENTS = st.lists(st.sampled_from([70, 1_070, 50_000, 100_000, 100_030]), min_size=3, max_size=3)
EXAMPLE = count()


def after(state, deed, account):
    """Where a payment is then: an account, held, dismissed or reversed; None: it never came."""
    if deed == "pay" and state is None:
        return account if account in WHERE else "held"
    if deed == "assign" and state in {"held", "dismissed"}:
        return account if account in WHERE else state
    if deed == "unassign" and state in WHERE:
        return "held"
    if deed == "dismiss" and state == "held":
        return "dismissed"
    return "reversed" if deed == "reverse" and state is not None else state


def do(desk, deed, trans_id, account, cents):
    who = desk.engine, desk.policy, trans_id, "Asha", "why"
    try:
        match deed:
            case "pay":
                desk.pay(trans_id, account, f"{cents // 100}.{cents % 100:02}")
            case "assign":
                desk.assign(trans_id, account)
            case "unassign":
                unassigning.unassign(*who)
            case "reverse":
                reversals.reverse(*who)
            case "dismiss":
                held.dismiss(desk.engine, trans_id, "Asha", "why")
    except ServiceError as error:
        return error.reason
    return ""


def gained(state, cents):
    """What a payment gives: by account of the ledger, and credits by ISP and kind."""
    kind, isp = WHERE.get(state, ("", 0))
    if not isp:
        return Counter({state: cents} if state in {"held", "dismissed"} else {})
    price = PRICES.get(kind, 0)
    wallet = cents % price if price else cents
    return Counter({f"wallet:{isp}": wallet, (isp, kind): (cents // price if price else 0)})


def has(desk):
    """The same of what is on record."""
    accounts = {name: cents for name, cents in ledger.list_accounts(desk.engine).items() if name[:4] in HOLDING}
    credits_ = {(isp, kind): n for isp in (1, 2) for kind, n in zip(("SMS", "WA"), desk.credits(isp), strict=True)}
    return Counter(accounts | credits_)


HOLDING = {"wall", "held", "dism"}


def check(desk, before, states, cents):
    expected = Counter(before)
    for state, amount in zip(states, cents, strict=True):
        expected.update(gained(state, amount))
    assert {who: n for who, n in has(desk).items() if n} == {who: n for who, n in expected.items() if n}
    assert {f"wallet:{row.isp_id}": row.balance for row in desk.rows(isp_wallet) if row.balance} == {
        name: n for name, n in has(desk).items() if n and str(name).startswith("wallet:")
    }


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def test_any_sequence_leaves_right_books_and_reversing_all_leaves_nothing(request, database):
    desk = open_desk(request.getfixturevalue(f"{database}_engine"))

    @settings(max_examples=25 if database == "sqlite" else 8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS, cents=CENTS, order=st.permutations(range(3)))
    def run(steps, cents, order):
        example, before, states = next(EXAMPLE), has(desk), [None, None, None]
        trans_ids = [f"E{example}N{n}" for n in range(3)]
        for deed, n, account in steps:
            then = after(states[n], deed, account)
            refused = do(desk, deed, trans_ids[n], account, cents[n])
            assert not refused or then == states[n], (deed, refused)
            states[n] = then
            check(desk, before, states, cents)
        for n in order:
            do(desk, "reverse", trans_ids[n], "", 0)
        assert has(desk) - before == before - has(desk) == Counter()
        desk.check_books()

    run()
