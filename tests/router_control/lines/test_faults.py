"""What callers are told when a router or its link breaks, and that it is true."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from router_control.routeros import connection, pool
from servicekit.rpc.errors import ResourceExhausted, ServiceError

from simulators.routeros import Router, RouterServer, User

PASSWORD = "mango-tree-7"


def test_a_router_without_power_is_unreachable_and_served_soon_after_it_returns(
    service, router, server, router_id, wait_until
):
    router.add_secret("u", disabled=True)
    server.stop()
    result = service.set(router_id, {"u": True})["u"]
    assert (result.outcome, result.access) == ("UNREACHABLE", "UNSPECIFIED")
    server.start()
    wait_until(lambda: service.set(router_id, {"u": True})["u"].outcome != "UNREACHABLE", seconds=10)
    assert not router.is_disabled("u")


def test_a_router_that_just_failed_is_left_alone_but_a_check_always_tries(
    service, router, server, router_id, monkeypatch
):
    monkeypatch.setattr(pool, "_PAUSE_SECONDS", 30)
    router.add_secret("u", disabled=True)
    server.stop()
    assert service.check(router_id).outcome == "UNREACHABLE"
    server.start()
    refused = service.set(router_id, {"u": True})["u"]
    assert (refused.outcome, router.connections_accepted) == ("UNREACHABLE", 0)
    assert "not tried again yet" in refused.detail
    assert service.check(router_id).outcome == "ALREADY_SO"
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"


def test_of_many_who_call_a_silent_router_one_tries_and_it_is_served_soon_after_its_return(
    service, router, router_id, monkeypatch, wait_until
):
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1)
    router.add_secret("u", disabled=True)
    router.faults.set("half-open")
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as callers:
        results = list(callers.map(lambda _: service.set(router_id, {"u": True})["u"], range(4)))
    assert time.monotonic() - begun < 3  # not the seconds of four attempts
    assert sorted(result.outcome for result in results) == ["TIMED_OUT"] + ["UNREACHABLE"] * 3
    assert router.connections_accepted == 1
    router.faults.clear()
    wait_until(lambda: service.set(router_id, {"u": True})["u"].outcome == "CHANGED")


def test_a_refused_login_is_tried_once_until_the_registration_is_mended(service, router, server):
    router.add_secret("u", disabled=True)
    router_id = service.register(server, password="wrong")
    for _ in range(3):
        result = service.set(router_id, {"u": True})["u"]
        assert result.outcome == "LOGIN_REFUSED"
        assert "invalid user name or password" in result.detail
    assert router.logins == {False: 1}
    service.update(router_id, password=PASSWORD)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"


def test_an_old_router_refuses_a_wrong_password_too(service):
    router = Router(User("rejesha", PASSWORD), version="6.42")
    with RouterServer(router) as server:
        assert service.check(service.register(server, password="wrong")).outcome == "LOGIN_REFUSED"


def test_a_router_mended_at_its_own_end_is_tried_again_when_its_registration_is_saved(service, router, server):
    router_id = service.register(server, password="new-one")
    assert service.get(router_id, "u")["u"].outcome == "LOGIN_REFUSED"
    router.users["rejesha"] = User("rejesha", "new-one")
    service.update(router_id)
    assert service.get(router_id, "u")["u"].outcome == "NO_SUCH_SECRET"


def test_a_router_without_any_login_says_which_setting_is_missing(service, router, server):
    router_id = service.register(server, username="", password="")
    result = service.set(router_id, {"u": True})["u"]
    assert result.outcome == "LOGIN_REFUSED"
    assert "REJESHA_ROUTEROS_USER" in result.detail


def test_a_changed_address_is_used_by_the_next_call(service, router, server, router_id):
    router.add_secret("u")
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"
    with RouterServer(Router(User("rejesha", PASSWORD))) as other:
        service.update(router_id, port=other.port, password=PASSWORD)
        assert service.get(router_id, "u")["u"].outcome == "NO_SUCH_SECRET"


def test_a_half_open_router_times_out_within_the_caller_s_deadline(service, router, router_id):
    router.faults.set("half-open")
    begun = time.monotonic()
    result = service.set(router_id, {"u": True}, timeout=3)["u"]
    assert (result.outcome, result.access) == ("TIMED_OUT", "UNSPECIFIED")
    assert time.monotonic() - begun < 3


def test_a_router_that_drips_its_answer_stretches_nobody_s_deadline(service, router, router_id, wait_until):
    router.add_secret("u")
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"
    router.faults.set("drip", seconds=0.5)  # each byte in time, the whole takes half a minute
    begun = time.monotonic()
    assert service.get(router_id, "u", timeout=3)["u"].outcome == "TIMED_OUT"
    assert time.monotonic() - begun < 3
    wait_until(lambda: router.connections_open == 0, seconds=5)  # and the router is left


def test_one_dead_router_does_not_delay_another(service, router, router_id):
    router.add_secret("u", disabled=True)
    dead = Router(User("rejesha", PASSWORD))
    dead.faults.set("half-open")
    with RouterServer(dead) as dead_server, ThreadPoolExecutor(5) as callers:
        dead_id = service.register(dead_server, "dead")
        waiting = [callers.submit(service.set, dead_id, {"u": True}, 4) for _ in range(5)]
        for on in (True, False) * 10:
            assert service.set(router_id, {"u": on})["u"].outcome == "CHANGED"
        assert not any(call.done() for call in waiting)
        outcomes = {call.result()["u"].outcome for call in waiting}
        assert "TIMED_OUT" in outcomes
        assert outcomes <= {"TIMED_OUT", "UNREACHABLE"}
        # Whoever comes now learns from them.
        assert service.set(dead_id, {"u": True})["u"].outcome == "UNREACHABLE"
        assert dead.connections_accepted == 1


def test_too_many_calls_for_one_router_are_turned_away(service, router, router_id):
    router.faults.set("half-open")

    def call(_number):
        try:
            return service.set(router_id, {"u": True}, 3)["u"].outcome
        except ServiceError as error:
            return type(error), error.reason

    with ThreadPoolExecutor(20) as callers:
        outcomes = list(callers.map(call, range(20)))
    busy = (ResourceExhausted, "ROUTER_BUSY")
    assert outcomes.count(busy) >= 11
    assert set(outcomes) <= {busy, "TIMED_OUT", "UNREACHABLE"}


def test_a_late_answer_is_never_taken_for_another_user_s(service, router, router_id):
    router.add_secret("u1")
    router.add_secret("u2", disabled=True)
    service.get(router_id, "u1")  # the connection is up
    router.faults.set("late-reply", seconds=1.5, commands=("/ppp",))
    assert service.get(router_id, "u1", timeout=1.1)["u1"].outcome == "TIMED_OUT"
    router.faults.clear()
    late = time.monotonic() + 1.5
    while time.monotonic() < late:  # meanwhile the late answer arrives
        assert service.get(router_id, "u2")["u2"].access == "DISABLED"


def test_a_write_without_answer_is_read_back_on_a_new_connection(service, router, router_id):
    router.add_secret("u", disabled=True)
    router.faults.set("late-reply", seconds=60, commands=("/ppp/secret/enable",))
    result = service.set(router_id, {"u": True}, timeout=4)["u"]
    assert (result.outcome, result.access) == ("CHANGED", "ENABLED")
    assert router.count("/ppp/secret/enable") == 1
    assert not router.is_disabled("u")


def test_a_write_that_no_time_is_left_to_read_back_is_not_known(service, router, router_id):
    router.add_secret("u", disabled=True)
    router.add_secret("v")
    service.get(router_id, "u")
    router.faults.set("late-reply", seconds=60, commands=("/ppp/secret/enable",), times=1)
    router.faults.set("half-open", commands=("/login",))
    results = service.set(router_id, {"u": True, "v": True}, timeout=3)
    assert [(r.outcome, r.access) for r in results.values()] == [
        ("TIMED_OUT", "UNSPECIFIED"),
        ("ALREADY_SO", "ENABLED"),
    ]


@pytest.mark.parametrize("times", [1, None])
def test_a_router_that_closes_right_after_the_write_has_changed_and_we_say_so(service, router, router_id, times):
    router.add_secret("u", disabled=True)
    router.add_secret("v")
    router.dial("v")
    router.faults.set("close-after-write", commands=("/ppp/secret",), times=times)
    results = service.set(router_id, {"u": True, "v": False})
    assert [r.outcome for r in results.values()] == ["CHANGED", "CHANGED"]
    assert (router.is_disabled("u"), router.is_disabled("v"), router.active()) == (False, True, [])


def test_a_session_that_ends_before_we_remove_it_is_as_good_as_removed(service, router, router_id):
    for name in ("u", "v"):
        router.add_secret(name)
        router.dial(name)
    router.faults.set("vanish", commands=("/ppp/active/remove",), times=1)
    results = service.set(router_id, {"u": False, "v": False})
    assert {r.outcome for r in results.values()} == {"CHANGED"}
    assert router.active() == []


def test_one_secret_that_vanishes_does_not_keep_the_others_from_being_enabled(service, router, router_id, wait_until):
    for name in ("renewed", "removed", "kept"):
        router.add_secret(name, disabled=True)
    router.faults.set("delay", seconds=0.5, commands=("/ppp/secret/enable",), times=2)
    wanted = dict.fromkeys(("renewed", "removed", "kept"), True)
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(service.set, router_id, wanted)
        wait_until(lambda: router.count("/ppp/secret/enable") == 1)  # all three
        router.remove_secret("removed")
        renew(router, "renewed")
        wait_until(lambda: router.count("/ppp/secret/enable") == 2)  # the first by itself
        renew(router, "renewed")
        outcomes = {name: result.outcome for name, result in call.result().items()}
    assert outcomes == {"renewed": "CHANGED", "removed": "NO_SUCH_SECRET", "kept": "CHANGED"}
    assert not router.is_disabled("renewed")


def test_a_connection_that_the_router_dropped_while_idle_is_made_anew(service, router, router_id):
    router.add_secret("u", disabled=True)
    service.get(router_id, "u")
    router.restart()
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    assert router.connections_accepted == 2


def test_a_connection_that_died_without_a_word_leaves_time_for_a_new_one(service, router, router_id):
    router.add_secret("u", disabled=True)
    service.get(router_id, "u")
    router.faults.set("half-open", times=1)
    assert service.set(router_id, {"u": True}, timeout=4)["u"].outcome == "CHANGED"
    assert router.connections_accepted == 2


def test_a_router_that_always_ends_the_session_is_a_router_error_in_its_own_words(service, router, router_id):
    router.faults.set("fatal", commands=("/ppp/secret",))
    result = service.set(router_id, {"u": True})["u"]
    assert result.outcome == "ROUTER_ERROR"
    assert result.detail


def test_a_caller_in_too_much_of_a_hurry_does_not_close_the_router_for_others(service, router, router_id):
    router.add_secret("u")
    router.faults.set("late-reply", seconds=1.5, commands=("/ppp",))
    assert service.get(router_id, "u", timeout=1.1)["u"].outcome == "TIMED_OUT"
    router.faults.clear()
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"


def renew(router, name):
    """The same name, another id."""
    router.remove_secret(name)
    router.add_secret(name, disabled=True)
