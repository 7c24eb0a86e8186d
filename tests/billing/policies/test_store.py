"""Whose policy holds for whom, read in one query."""

import sqlalchemy as sa
from billing.payees import store as payees
from billing.policies import store
from billing.policies.rules import LinePolicy
from billing.schema import line_policies, pppoe_users


def set_fields(desk, noun, noun_id, **values):
    rows = [{"noun": noun, "noun_id": noun_id, "field": field, "value": value} for field, value in values.items()]
    desk.execute(sa.insert(line_policies), rows)


def policies(desk):
    """By account, with the number of queries that it took."""
    ids = {row.account_name: row.id for row in desk.rows(pppoe_users)}
    asked = []
    with desk.engine.connect() as connection:
        customers = payees.get_customers(connection, ids.values()).values()
        sa.event.listen(connection, "before_cursor_execute", lambda *call: asked.append(call[2]))
        found = store.of_customers(connection, list(customers))
    return {account: found[customer_id] for account, customer_id in ids.items()}, len(asked)


def test_each_customer_s_policy_is_found_in_one_query(desk):
    customer_id = desk.customer("12BC").id
    set_fields(desk, "isp", 1, grace_days="3", language="sw")
    desk.insert_customer("SAME", id=1_000_000)
    set_fields(desk, "isp", 1_000_000, cut_hour="5")  # it is a customer that has this number
    set_fields(desk, "customer", customer_id, grace_days="0", reminder_days="-3,0")
    desk.set_customer("WAIRIMU1", isp_id=None)
    own = LinePolicy(grace_days=0, language="sw", reminder_days=(-3, 0))
    of_isp = LinePolicy(grace_days=3, language="sw")
    found, queries = policies(desk)
    nothing = LinePolicy()
    assert found == {"0949AQ": of_isp, "SAME": of_isp, "12BC": own, "WAIRIMU1": nothing, "77XY": nothing}
    assert queries == 1


def test_without_any_policy_the_default_holds(desk):
    found, _ = policies(desk)
    assert set(found.values()) == {LinePolicy()}
    with desk.engine.connect() as connection:
        assert store.of_customers(connection, []) == {}


def test_what_a_later_release_has_set_is_passed_by(desk):
    set_fields(desk, "isp", 1, weather="fine", cut_hour="25", grace_days="2")
    assert policies(desk)[0]["0949AQ"] == LinePolicy(grace_days=2)
