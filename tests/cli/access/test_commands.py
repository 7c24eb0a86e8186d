"""Lines read and switched by hand, at a simulated router."""

import pytest

from simulators.routeros import Router, RouterServer, User

PASSWORD = "s3cret-word"


@pytest.fixture
def tower(router_control):
    """Registered as router 2, Hill: u1 is off, u2 is on."""
    router = Router(User("api", PASSWORD))
    router.add_secret("u1", disabled=True)
    router.add_secret("u2", disabled=False)
    with RouterServer(router) as server:
        router_control.add("Hill", "127.0.0.1", port=server.port, password=PASSWORD)
        yield router


def test_lines_are_read_and_switched_by_hand(installation, tower):
    shown = installation("access", "show", "Hill", "u1", "u2", "--json").document
    assert (shown["router_id"], shown["router_name"]) == (2, "Hill")
    assert [(one["username"], one["access"]) for one in shown["results"]] == [("u1", "disabled"), ("u2", "enabled")]
    enabled = installation("access", "enable", "Hill", "u1", "u2")
    assert enabled.code == 0
    assert "changed" in enabled.out
    assert "already so" in enabled.out
    installation("access", "disable", "2", "u2")
    shown = installation("access", "show", "2", "u1", "u2", "--json").document
    assert [(one["username"], one["access"]) for one in shown["results"]] == [("u1", "enabled"), ("u2", "disabled")]


def test_a_line_that_could_not_be_switched_makes_exit_code_1(installation, tower):
    ended = installation("access", "enable", "2", "nobody", "--json")
    assert ended.code == 1
    assert ended.document["results"][0]["outcome"] == "no_such_secret"


def test_lines_are_limited_by_hand_and_given_back_the_profile_of_before(installation, tower):
    tower.add_profile("expired")
    limited = installation("access", "limit", "Hill", "u2", "--profile", "expired", "--json").document["results"]
    assert [(one["access"], one["profile"]) for one in limited] == [("limited", "expired")]
    installation("access", "enable", "Hill", "u2", "--profile", "default")
    assert tower.secret("u2")["profile"] == "default"
    assert installation("access", "limit", "Hill", "u2").code == 2
