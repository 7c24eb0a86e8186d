"""`rejesha line check`: a simulated router against what is on record."""

import pytest

from simulators.routeros import Router, RouterServer, User

PASSWORD = "s3cret-word"


@pytest.fixture
def tower(router_control):
    """Registered as router 2, Hill."""
    router = Router(User("api", PASSWORD))
    with RouterServer(router) as server:
        router_control.add("Hill", "127.0.0.1", port=server.port, password=PASSWORD)
        yield router


def kinds(ended):
    return [(one["router"], one["username"], one["kind"], one["account_name"]) for one in ended.document["drifts"]]


def test_what_a_router_holds_is_compared_with_what_is_on_record(installation, billing, tower):
    billing.add_customers("PAID1", "PAID2", "PAID3", router_id=2, username="{name}")
    for name, disabled in (("PAID1", False), ("PAID2", True), ("SOMEBODY", False), ("old", True)):
        tower.add_secret(name, disabled=disabled)
    ended = installation("line", "check", "--router", "Hill", "--json")
    assert ended.code == 1
    assert kinds(ended) == [
        ("Hill", "PAID2", "off_but_paid", "PAID2"),
        ("Hill", "PAID3", "no_secret", "PAID3"),
        ("Hill", "SOMEBODY", "unknown_secret", ""),
    ]
    assert "off but paid" in installation("line", "check", "--router", "2").out
    (before,) = last(installation)
    tower.change_secret("PAID2", disabled="no")
    tower.add_secret("PAID3")
    tower.remove_secret("SOMEBODY")
    assert installation("line", "check", "--router", "2").code == 0
    (after,) = last(installation)
    assert [(one["lines"], one["drifts"], one["fault"]) for one in (before, after)] == [(3, 3, ""), (3, 0, "")]
    assert after["check_time"] > before["check_time"]


def last(installation):
    return installation("line", "check", "--last", "--json").document["routers"]


def test_who_is_limited_by_the_list_that_the_policy_names_is_off(installation, billing, tower):
    billing.add_customers("LATE", router_id=2, username="LATE", next_payment_date="2020-01-01")
    tower.add_secret("LATE", **{"remote-address": "10.9.0.1"})
    assert installation("policy", "set", "--isp", "1", "off=address_list:unpaid").code == 0
    assert [one[2] for one in kinds(installation("line", "check", "--json"))] == ["on_but_unpaid"]
    tower.add_to_list("unpaid", "10.9.0.1")
    assert installation("line", "check", "--router", "2").code == 0


def test_a_router_that_cannot_be_read_is_named(installation, billing, tower):
    tower.users.clear()
    ended = installation("line", "check", "--router", "Hill", "--json")
    assert ended.code == 1
    assert [(one["router"], one["outcome"]) for one in ended.document["unread"]] == [("Hill", "login_refused")]
    assert "could not be read" in installation("line", "check", "--router", "Hill").err
    assert "login_refused" not in str(last(installation))  # no customer's line is there: nobody compares it
    billing.add_customers("PAID1", router_id=2, username="PAID1")
    installation("line", "check")
    assert [one["fault"] for one in last(installation)] == ["login_refused"]
