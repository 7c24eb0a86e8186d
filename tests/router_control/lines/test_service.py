"""Setting and reading access on routers that behave, of several generations."""

import threading
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.rpc.errors import InvalidArgument, ServiceError

from simulators.routeros import Router, RouterServer, User

NAMES = ["12345", "0012", "true", "no", "José", "a=b", "=a", "with space", "?#|", "*1", "0949AQ", "名前", "a,b", "-1"]


def test_each_user_s_outcome_says_what_was_found_and_done(service, router, router_id):
    router.add_secret("off", disabled=True)
    router.add_secret("on")
    results = service.set(router_id, {"off": True, "on": True, "nobody": True})
    assert [(r.outcome, r.access) for r in results.values()] == [
        ("CHANGED", "ENABLED"),
        ("ALREADY_SO", "ENABLED"),
        ("NO_SUCH_SECRET", "UNSPECIFIED"),
    ]
    assert not router.is_disabled("off")


def test_setting_the_same_again_writes_nothing(service, router, router_id):
    router.add_secret("u", disabled=True)
    assert service.set(router_id, {"u": True})["u"].outcome == "CHANGED"
    assert service.set(router_id, {"u": True})["u"].outcome == "ALREADY_SO"
    assert router.count("/ppp/secret/enable") == 1


@pytest.mark.parametrize("version", ["6.42.12", "6.44", "6.49.10", "7.17", "7.18", "7.20"])
def test_every_generation_of_routeros_is_understood(service, version):
    router = Router(User("rejesha", "mango-tree-7"), version=version)
    router.add_secret("off", disabled=True)
    with RouterServer(router) as server:
        router_id = service.register(server)
        results = service.set(router_id, {"off": True, "nobody": False})
        assert (results["off"].outcome, results["nobody"].outcome) == ("CHANGED", "NO_SUCH_SECRET")
        assert service.check(router_id).version.startswith(version)
    assert not router.is_disabled("off")


def test_a_password_beyond_ascii_opens_old_and_new_routers(service):
    for number, version in enumerate(["6.42.12", "7.20"]):
        router = Router(User("josé", "päßwörd"), version=version)
        with RouterServer(router) as server:
            router_id = service.register(server, f"r{number}", username="josé", password="päßwörd")
            assert service.check(router_id).outcome == "ALREADY_SO"


@pytest.mark.parametrize("version", ["6.49.10", "7.20"])
def test_names_are_text_whatever_they_look_like(service, version):
    router = Router(User("rejesha", "mango-tree-7"), version=version)
    for name in NAMES:
        router.add_secret(name, disabled=True)
    with RouterServer(router) as server:
        router_id = service.register(server)
        for name in NAMES:
            assert service.set(router_id, {name: True})[name].outcome == "CHANGED"
            assert [row["name"] for row in router.secrets() if row["disabled"] == "true"] == NAMES[
                NAMES.index(name) + 1 :
            ]
        assert {r.outcome for r in service.set(router_id, dict.fromkeys(NAMES, False)).values()} == {"CHANGED"}


def test_enabling_leaves_sessions_alone(service, router, router_id):
    router.add_secret("u")
    router.dial("u")
    router.change_secret("u", disabled="yes")
    result = service.set(router_id, {"u": True})["u"]
    assert (result.outcome, result.sessions) == ("CHANGED", 0)
    assert len(router.active("u")) == 1
    assert router.count("/ppp/active/print") == 0


def test_disabling_ends_all_of_a_user_s_sessions_and_nobody_else_s(service, router, router_id):
    for name in ("u", "other"):
        router.add_secret(name)
        router.dial(name)
        router.dial(name)
    result = service.set(router_id, {"u": False, "other": True})["u"]
    assert (result.outcome, result.access, result.sessions) == ("CHANGED", "DISABLED", 2)
    assert (len(router.active("u")), len(router.active("other"))) == (0, 2)


def test_switching_on_and_off_in_one_call_is_true_on_the_router_and_in_each_result(service, router, router_id):
    router.add_secret("paid", disabled=True)
    router.add_secret("unpaid")
    router.dial("unpaid")
    results = service.set(router_id, {"paid": True, "unpaid": False})
    assert [(r.outcome, r.access, r.sessions) for r in results.values()] == [
        ("CHANGED", "ENABLED", 0),
        ("CHANGED", "DISABLED", 1),
    ]
    assert (router.is_disabled("paid"), router.is_disabled("unpaid"), router.active()) == (False, True, [])
    again = service.set(router_id, {"paid": True, "unpaid": False})
    assert [(r.outcome, r.access, r.sessions) for r in again.values()] == [
        ("ALREADY_SO", "ENABLED", 0),
        ("ALREADY_SO", "DISABLED", 0),
    ]


def test_disabling_comes_before_ending_sessions_so_that_nobody_dials_in_between(service, router, router_id):
    router.add_secret("u")
    router.dial("u")
    service.set(router_id, {"u": False})
    paths = [command.path for command in router.commands]
    assert paths.index("/ppp/secret/disable") < paths.index("/ppp/active/print") < paths.index("/ppp/active/remove")


def test_a_disabled_user_who_is_still_on_is_cut_off_and_that_counts_as_a_change(service, router, router_id):
    router.add_secret("u")
    router.dial("u")
    router.change_secret("u", disabled="yes")
    result = service.set(router_id, {"u": False})["u"]
    assert (result.outcome, result.sessions) == ("CHANGED", 1)
    assert router.active("u") == []
    assert service.set(router_id, {"u": False})["u"].outcome == "ALREADY_SO"


def test_reading_tells_access_and_sessions_and_changes_nothing(service, router, router_id):
    router.add_secret("on")
    router.dial("on")
    router.dial("on")
    router.add_secret("off", disabled=True)
    results = service.get(router_id, "on", "off", "nobody")
    assert [(r.outcome, r.access, r.sessions) for r in results.values()] == [
        ("ALREADY_SO", "ENABLED", 2),
        ("ALREADY_SO", "DISABLED", 0),
        ("NO_SUCH_SECRET", "UNSPECIFIED", 0),
    ]
    assert {path.rpartition("/")[2] for path in router.counts} == {"login", "print"}


def test_many_users_go_in_few_commands_and_ask_only_for_what_is_needed(service, router, router_id):
    for number in range(400):
        router.add_secret(f"u{number}", disabled=number % 2 == 0)
    results = service.set(router_id, {f"u{number}": True for number in range(250)})
    outcomes = [result.outcome for result in results.values()]
    assert (outcomes.count("CHANGED"), outcomes.count("ALREADY_SO")) == (125, 125)
    assert [number for number in range(400) if router.is_disabled(f"u{number}")] == list(range(250, 400, 2))
    assert router.counts == {"/login": 1, "/ppp/secret/print": 6, "/ppp/secret/enable": 3}
    assert {c.attributes[".proplist"] for c in router.commands if c.verb == "print"} == {
        ".id,name,disabled,profile,remote-address"
    }


def test_calls_for_one_router_wait_their_turn_on_one_connection(service, router, router_id):
    for number in range(6):
        router.add_secret(f"u{number}", disabled=True)
    router.faults.set("delay", seconds=0.02)
    threads = [threading.Thread(target=service.set, args=(router_id, {f"u{n}": True})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    paths = [command.path for command in router.commands if command.path != "/login"]
    assert paths == ["/ppp/secret/print", "/ppp/secret/enable", "/ppp/secret/print"] * 6
    assert router.connections_accepted == 1
    assert not any(router.is_disabled(f"u{number}") for number in range(6))


def test_a_login_without_the_right_to_write_is_not_permitted_and_says_what_the_router_holds(service):
    router = Router(User("rejesha", "mango-tree-7", policies=frozenset({"api", "read"})))
    router.add_secret("off", disabled=True)
    router.add_secret("on")
    with RouterServer(router) as server:
        results = service.set(service.register(server), {"off": True, "on": True})
    assert [(r.outcome, r.access) for r in results.values()] == [
        ("NOT_PERMITTED", "DISABLED"),
        ("ALREADY_SO", "ENABLED"),
    ]
    assert "not enough permissions" in results["off"].detail


def test_a_login_that_may_not_read_is_not_permitted(service):
    router = Router(User("rejesha", "mango-tree-7", policies=frozenset({"api", "write"})))
    router.add_secret("off", disabled=True)
    with RouterServer(router) as server:
        router_id = service.register(server)
        results = service.set(router_id, {"off": True}), service.get(router_id, "off")
        assert [(r["off"].outcome, r["off"].access) for r in results] == [("NOT_PERMITTED", "UNSPECIFIED")] * 2


def test_a_router_that_nobody_registered_is_an_outcome(service):
    answer = service.stub.SetAccess(
        service.pb.SetAccessRequest(router_id=99, changes=[service.pb.AccessChange(username="u", access=1)])
    )
    assert [result.outcome for result in answer.results] == [service.pb.ACCESS_OUTCOME_NO_SUCH_ROUTER]
    assert answer.router_name == ""
    assert service.get(99, "u")["u"].outcome == "NO_SUCH_ROUTER"


@pytest.mark.parametrize(
    ("names", "access"),
    [
        ([], 1),
        ([""], 1),
        (["n" * 101], 1),
        (["u\n"], 1),
        (["u\0=disabled=yes"], 1),
        (["u", "u"], 1),
        ([f"u{number}" for number in range(1001)], 1),
        (["u"], 0),
        (["u"], 7),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused_whole(service, router, router_id, names, access):
    changes = [service.pb.AccessChange(username=name, access=access) for name in names]
    with pytest.raises(ServiceError) as refused:
        service.stub.SetAccess(service.pb.SetAccessRequest(router_id=router_id, changes=changes))
    assert type(refused.value) is InvalidArgument
    assert refused.value.reason == "INVALID_ACCESS_REQUEST"
    assert router.counts == {}


USERS = [f"u{number}" for number in range(6)]
LOSING_THE_ANSWER = ["reset", "close-after-write", "fatal"]
CHANGING_THE_ROUTER = ["vanish", "restart"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    held=st.dictionaries(st.sampled_from(USERS), st.booleans()),
    dialled=st.lists(st.sampled_from(USERS), max_size=6),
    wanted=st.dictionaries(st.sampled_from(USERS), st.booleans(), min_size=1),
    faults=st.lists(st.sampled_from(LOSING_THE_ANSWER + CHANGING_THE_ROUTER), max_size=2),
)
def test_whatever_breaks_once_what_is_reported_is_what_the_router_holds(service, held, dialled, wanted, faults):
    router = Router(User("rejesha", "mango-tree-7"))
    for name in held:
        router.add_secret(name)
    for name in dialled:
        if name in held:
            router.dial(name)
    for name, on in held.items():
        router.change_secret(name, disabled="no" if on else "yes")
    with RouterServer(router) as server:
        router_id = service.register(server, uuid.uuid4().hex)
        for fault in faults:
            router.faults.set(fault, commands=("/ppp",), times=1)
        results = service.set(router_id, wanted)
    on_the_line = {name for name in dialled if name in held}
    if set(faults) <= set(LOSING_THE_ANSWER):
        for name in set(wanted) & set(held):
            changed = held[name] != wanted[name] or (name in on_the_line and not wanted[name])
            assert results[name].outcome == ("CHANGED" if changed else "ALREADY_SO")
    present = {row["name"]: row["disabled"] == "false" for row in router.secrets()}
    for name, result in results.items():
        assert result.outcome in ("CHANGED", "ALREADY_SO", "NO_SUCH_SECRET")
        if result.outcome == "NO_SUCH_SECRET":
            assert name not in present
        else:
            assert present[name] == wanted[name] == (result.access == "ENABLED")
            assert wanted[name] or not router.active(name)
    assert {name: on for name, on in present.items() if name not in wanted} == {
        name: on for name, on in held.items() if name not in wanted
    }
