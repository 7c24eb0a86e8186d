"""What callers are told when a router or its link breaks, and that it is true."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from router_control import routeros
from router_control.deadline import Deadline
from router_control.reading import Introduction
from router_control.target import Login, Target
from router_control.workers import Workers
from servicekit.errors import reason_of

from simulators.routeros import Router, RouterServer, User

PASSWORD = "mango-tree-7"


def test_a_router_without_power_is_unreachable_and_served_soon_after_it_returns(service, router, server, router_id):
    router.add_secret("u", disabled=True)
    server.stop()
    result = service.set(router_id, {"u": True})["u"]
    assert (result.outcome, result.access) == ("UNREACHABLE", "UNSPECIFIED")
    server.start()
    until = time.monotonic() + 10
    while service.set(router_id, {"u": True})["u"].outcome == "UNREACHABLE":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not router.is_disabled("u")


def test_a_router_that_just_failed_is_left_alone_but_a_check_always_tries(service, router, server, router_id):
    router.add_secret("u", disabled=True)
    server.stop()
    for _ in range(4):  # each check fails too and lengthens the wait
        assert service.check(router_id).outcome == "UNREACHABLE"
    server.start()
    refused = service.set(router_id, {"u": True})["u"]
    assert (refused.outcome, router.connections_accepted) == ("UNREACHABLE", 0)
    assert "not tried again yet" in refused.detail
    assert service.check(router_id).outcome == "ALREADY_SO"
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"


def test_a_refused_login_is_tried_once_until_the_registration_is_mended(service, router, server):
    router.add_secret("u", disabled=True)
    router_id = service.register(server, password="wrong")
    for _ in range(3):
        result = service.set(router_id, {"u": True})["u"]
        assert result.outcome == "LOGIN_REFUSED"
        assert "invalid user name or password" in result.detail
    assert router.logins == {False: 1}
    mended = service.pb.Router(
        router_id=router_id, name="r1", address="127.0.0.1", port=server.port, username="lipanet", password=PASSWORD
    )
    service.stub.UpdateRouter(service.pb.UpdateRouterRequest(router=mended))
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"


def test_an_old_router_refuses_a_wrong_password_too(service):
    router = Router(User("lipanet", PASSWORD), version="6.42")
    with RouterServer(router) as server:
        assert service.check(service.register(server, password="wrong")).outcome == "LOGIN_REFUSED"


def test_a_router_mended_at_its_own_end_is_tried_again_when_its_registration_is_saved(service, router, server):
    router_id = service.register(server, password="new-one")
    assert service.get(router_id, "u")["u"].outcome == "LOGIN_REFUSED"
    router.users["lipanet"] = User("lipanet", "new-one")
    registered = service.stub.GetRouter(service.pb.GetRouterRequest(router_id=router_id)).router
    service.stub.UpdateRouter(service.pb.UpdateRouterRequest(router=registered))
    assert service.get(router_id, "u")["u"].outcome == "NO_SUCH_SECRET"


def test_a_router_without_any_login_says_which_setting_is_missing(service, router, server):
    router_id = service.register(server, username="", password="")
    result = service.set(router_id, {"u": True})["u"]
    assert result.outcome == "LOGIN_REFUSED"
    assert "LIPANET_ROUTEROS_USER" in result.detail


def test_a_changed_address_is_used_by_the_next_call(service, router, server, router_id):
    router.add_secret("u")
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"
    with RouterServer(Router(User("lipanet", PASSWORD))) as other:
        moved = service.pb.Router(router_id=router_id, name="r1", address="127.0.0.1", port=other.port)
        moved.username = "lipanet"
        service.stub.UpdateRouter(service.pb.UpdateRouterRequest(router=moved))
        assert service.get(router_id, "u")["u"].outcome == "NO_SUCH_SECRET"


def test_a_half_open_router_times_out_within_the_caller_s_deadline(service, router, router_id):
    router.faults.set("half-open")
    begun = time.monotonic()
    result = service.set(router_id, {"u": True}, timeout=2)["u"]
    assert (result.outcome, result.access) == ("TIMED_OUT", "UNSPECIFIED")
    assert time.monotonic() - begun < 2


def test_a_router_that_drips_its_answer_stretches_nobody_s_deadline(service, router, router_id, wait_until):
    router.add_secret("u")
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"
    router.faults.set("drip", seconds=0.5)  # each byte in time, the whole takes half a minute
    begun = time.monotonic()
    assert service.get(router_id, "u", timeout=2)["u"].outcome == "TIMED_OUT"
    assert time.monotonic() - begun < 2
    wait_until(lambda: router.connections_open == 0, seconds=5)  # the worker has given up too


def test_one_dead_router_does_not_delay_another(service, router, router_id):
    router.add_secret("u", disabled=True)
    dead = Router(User("lipanet", PASSWORD))
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
        except grpc.RpcError as error:
            return error.code(), reason_of(error)

    with ThreadPoolExecutor(20) as callers:
        outcomes = list(callers.map(call, range(20)))
    busy = (grpc.StatusCode.RESOURCE_EXHAUSTED, "ROUTER_BUSY")
    assert outcomes.count(busy) >= 11
    assert set(outcomes) <= {busy, "TIMED_OUT", "UNREACHABLE"}


def test_a_late_answer_is_never_taken_for_another_user_s(service, router, router_id):
    router.add_secret("u1")
    router.add_secret("u2", disabled=True)
    service.get(router_id, "u1")  # the connection is up
    router.faults.set("late-reply", seconds=0.9, commands=("/ppp",))
    assert service.get(router_id, "u1", timeout=0.8)["u1"].outcome == "TIMED_OUT"
    router.faults.clear()
    for _ in range(20):  # meanwhile the late answer arrives
        assert service.get(router_id, "u2")["u2"].access == "DISABLED"
        time.sleep(0.05)


def test_what_a_router_says_unasked_is_never_taken_for_an_answer(service):
    """A peer that answers each print twice: the second copy must not answer the next question."""
    with Talker(b"".join(words(*sentence) for sentence in DOUBLED)) as talker:
        router_id = service.register(talker)
        assert service.get(router_id, "u1", timeout=3)["u1"].outcome == "ROUTER_ERROR"


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
    results = service.set(router_id, {"u": True, "v": True}, timeout=2)
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


def test_a_connection_that_died_without_a_word_leaves_time_for_a_new_one(service, router, router_id, monkeypatch):
    monkeypatch.setattr(routeros, "_RESTED_SECONDS", 0)
    monkeypatch.setattr(routeros, "_RESTED_PATIENCE", 0.3)
    router.add_secret("u", disabled=True)
    service.get(router_id, "u")
    router.faults.set("half-open", times=1)
    begun = time.monotonic()
    assert service.set(router_id, {"u": True}, timeout=30)["u"].outcome == "CHANGED"
    assert time.monotonic() - begun < 10


def test_a_router_that_always_ends_the_session_is_a_router_error_in_its_own_words(service, router, router_id):
    router.faults.set("fatal", commands=("/ppp/secret",))
    result = service.set(router_id, {"u": True})["u"]
    assert result.outcome == "ROUTER_ERROR"
    assert result.detail


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x05hello\x00",  # no reply word
        b"\xff",  # a reserved control byte
        b"\xef\xff\xff\xff",  # a word of 256 MB
        b"\x00",  # nothing, said with an end
        b"\x05!done\x09=ret=nope\x00",  # a challenge that is none
    ],
)
def test_a_peer_that_is_no_router_is_a_router_error(service, greeting):
    with Talker(greeting) as talker:
        router_id = service.register(talker)
        assert service.check(router_id).outcome == "ROUTER_ERROR"
        assert service.get(router_id, "u")["u"].outcome == "UNREACHABLE"  # left alone for a moment


@pytest.mark.parametrize("address", ["no-such-host.invalid", "127.0.0.2"])
def test_an_address_where_nobody_answers_is_unreachable(service, router, server, address):
    registered = service.pb.Router(name="r9", address=address, port=server.port, username="u")
    router_id = service.stub.CreateRouter(service.pb.CreateRouterRequest(router=registered)).router.router_id
    assert service.check(router_id, timeout=20).outcome == "UNREACHABLE"


def test_a_worker_ends_when_idle_with_its_connection_and_starts_again(router, server, wait_until):
    workers = Workers(idle_seconds=0.1)
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("lipanet", PASSWORD))
    for round_ in (1, 2):
        introduction = Introduction()
        workers.perform(1, introduction, target, Deadline.after(5))
        assert introduction.identity == "router-1"
        assert router.connections_accepted == round_
        wait_until(lambda: workers.running() == 0 and router.connections_open == 0)
    workers.close()


def test_stopping_ends_every_connection_and_turns_nobody_away_who_is_being_served(router, server, wait_until):
    workers = Workers()
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("lipanet", PASSWORD))
    router.faults.set("delay", seconds=0.3, commands=("/system",))
    introduction = Introduction()
    call = threading.Thread(target=workers.perform, args=(1, introduction, target, Deadline.after(5)))
    call.start()
    wait_until(lambda: router.count("/system/identity/print"))
    workers.close()
    call.join()
    assert introduction.version
    wait_until(lambda: router.connections_open == 0)


def test_a_fault_of_ours_reaches_whoever_waits_and_the_worker_lives_on(router, server):
    class Broken:
        def carry_out(self, connection, deadline):
            raise ZeroDivisionError

    workers = Workers()
    target = Target("127.0.0.1", server.port, tls=False, verify_certificate=False, login=Login("lipanet", PASSWORD))
    with pytest.raises(ZeroDivisionError):
        workers.perform(1, Broken(), target, Deadline.after(5))
    workers.perform(1, Introduction(), target, Deadline.after(5))
    assert router.connections_accepted == 2
    workers.close()


def test_a_caller_in_too_much_of_a_hurry_does_not_close_the_router_for_others(service, router, router_id):
    router.add_secret("u")
    router.faults.set("late-reply", seconds=0.5, commands=("/ppp",))
    assert service.get(router_id, "u", timeout=0.4)["u"].outcome == "TIMED_OUT"
    router.faults.clear()
    assert service.get(router_id, "u")["u"].outcome == "ALREADY_SO"


def renew(router, name):
    """The same name, another id."""
    router.remove_secret(name)
    router.add_secret(name, disabled=True)


def words(*sentence):
    return b"".join(bytes([len(word)]) + word for word in sentence) + b"\0"


ROW = (b"!re", b"=.id=*1", b"=name=u1", b"=disabled=false")
DOUBLED = [(b"!done",), ROW, (b"!done",), ROW, (b"!done",)]


class Talker:
    """A peer that says the same whatever it hears, to every caller."""

    def __init__(self, speech):
        self._speech = speech
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._callers = []

    def __enter__(self):
        threading.Thread(target=self._talk, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for caller in self._callers:
            caller.close()

    def _talk(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self._callers.append(caller)
            caller.sendall(self._speech)
