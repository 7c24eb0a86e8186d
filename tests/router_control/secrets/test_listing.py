"""All secrets of a router, page by page."""

import librouteros
import pytest
from servicekit.rpc.errors import InvalidArgument

from simulators.routeros import Router, RouterServer, User
from tests.router_control.conftest import PASSWORD

MANY = 5000


def pages(service, router_id, **request):
    """The answers, from the first page to the last."""
    asked, found = service.pb.ListSecretsRequest(router_id=router_id, **request), []
    while not found or asked.page_token:
        found.append(service.stub.ListSecrets(asked, timeout=60))
        asked.page_token = found[-1].next_page_token
    return found


def brief(service, secret):
    access = service.pb.Access.Name(secret.access).removeprefix("ACCESS_")
    return secret.username, access, secret.profile, secret.service, secret.sessions


@pytest.mark.parametrize("version", ["6.42.12", "6.49.10", "7.20"])
def test_what_another_s_client_has_entered_is_listed_with_its_sessions(service, version):
    router = Router(User("rejesha", PASSWORD), version=version)
    router.add_profile("fast")
    login = {"login_method": librouteros.login.token} if version == "6.42.12" else {}
    with RouterServer(router) as server:
        api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=server.port, encoding="utf-8", **login)
        secrets = api.path("ppp", "secret")
        secrets.add(name="José", profile="fast", comment="x" * 20_000)
        secrets.add(name="0012", service="pppoe", disabled=True)
        secrets.add(name="walled", **{"remote-address": "10.9.0.1"})
        secrets.add(name="off too", disabled=True, **{"remote-address": "10.9.0.2"})
        secrets.add(name="elsewhere", **{"remote-address": "10.9.0.3"})
        for list_name, address in (
            ("unpaid", "10.9.0.1"),
            ("unpaid", "10.9.0.2"),
            ("late", "10.9.0.1"),
            ("x", "10.9.0.3"),
        ):
            api.path("ip", "firewall", "address-list").add(list=list_name, address=address)
        api.close()
        router.dial("José")
        router.dial("José")
        router.dial("walled")
        router.add_secret("gone")
        router.dial("gone")
        router.remove_secret("gone")  # its session goes on, without a secret as one of RADIUS
        (page,) = pages(service, service.register(server), address_lists=["late", "none", "unpaid"])
    assert page.outcome == service.pb.ACCESS_OUTCOME_ALREADY_SO
    assert page.router_name == "r1"
    assert [brief(service, one) for one in page.secrets] == [
        ("0012", "DISABLED", "default", "pppoe", 0),
        ("José", "ENABLED", "fast", "any", 2),
        ("elsewhere", "ENABLED", "default", "any", 0),
        ("off too", "DISABLED", "default", "any", 0),
        ("walled", "LIMITED", "default", "any", 1),
    ]
    lists = {one.username: list(one.address_lists) for one in page.secrets if one.address_lists}
    assert lists == {"walled": ["late", "unpaid"], "off too": ["unpaid"]}


def test_five_thousand_secrets_come_in_pages_of_which_each_is_small(service, router, router_id):
    for number in range(MANY):
        router.add_secret(f"u{number}", disabled=number % 3 == 0, comment="paid until whenever " * 10)
        if number % 3:
            router.dial(f"u{number}")
    found = pages(service, router_id, page_size=2000)
    assert [len(page.secrets) for page in found] == [2000, 2000, 1000]
    assert max(page.ByteSize() for page in found) < 100_000
    listed = [one for page in found for one in page.secrets]
    assert [one.username for one in listed] == sorted(f"u{number}" for number in range(MANY))
    on = service.pb.ACCESS_ENABLED
    assert all((one.access == on, one.sessions) == (True, 1) for one in listed if int(one.username[1:]) % 3)
    assert sum(one.sessions for one in listed) == sum(one.access == on for one in listed) == MANY - 1667
    assert {command.verb for command in router.commands if command.path.startswith("/ppp")} == {"print"}


def test_pages_hold_all_that_stays_while_secrets_come_and_go(service, router, router_id):
    for name in "adgj":
        router.add_secret(name)
    first = service.stub.ListSecrets(service.pb.ListSecretsRequest(router_id=router_id, page_size=2))
    router.remove_secret("d")
    router.add_secret("b")
    request = service.pb.ListSecretsRequest(router_id=router_id, page_size=2, page_token=first.next_page_token)
    second = service.stub.ListSecrets(request)
    assert [one.username for one in (*first.secrets, *second.secrets)] == ["a", "d", "g", "j"]
    assert second.next_page_token == ""


def test_a_router_that_breaks_off_is_read_again_and_one_that_is_away_is_an_outcome(service, router, server, router_id):
    router.add_secret("u")
    router.faults.set("fatal", commands=("/ppp/active/print",), times=1)
    (page,) = pages(service, router_id)
    assert [one.username for one in page.secrets] == ["u"]
    server.stop()
    (page,) = pages(service, router_id)
    assert (page.outcome, list(page.secrets)) == (service.pb.ACCESS_OUTCOME_UNREACHABLE, [])
    assert page.detail
    (page,) = pages(service, 99)
    assert (page.outcome, page.router_name) == (service.pb.ACCESS_OUTCOME_NO_SUCH_ROUTER, "")


def test_a_login_that_may_not_read_lists_nothing_and_says_so(service):
    router = Router(User("rejesha", PASSWORD, policies=frozenset({"api", "write"})))
    router.add_secret("u")
    with RouterServer(router) as server:
        (page,) = pages(service, service.register(server))
    assert (page.outcome, list(page.secrets)) == (service.pb.ACCESS_OUTCOME_NOT_PERMITTED, [])


@pytest.mark.parametrize(
    "request_", [{"page_token": "u\n"}, {"address_lists": ["l" * 101]}, {"address_lists": ["l"] * 101}]
)
def test_a_request_that_breaks_the_contract_is_refused(service, router, router_id, request_):
    with pytest.raises(InvalidArgument) as refused:
        pages(service, router_id, **request_)
    assert refused.value.reason == "INVALID_ACCESS_REQUEST"
    assert router.counts == {}


@pytest.mark.parametrize("version", ["6.49.10", "7.20"])
def test_who_is_limited_by_a_list_is_listed_so_page_by_page(service, version):
    """Limited by SetAccess, seen by another's client, listed: the same users in all three."""
    router = Router(User("rejesha", PASSWORD), version=version)
    for number in range(5):
        router.add_secret(f"u{number}", **{"remote-address": f"10.9.0.{number + 1}"})
    with RouterServer(router) as server:
        router_id = service.register(server)
        pb = service.pb
        limit = {"access": pb.ACCESS_LIMITED, "address_list": "unpaid"}
        changes = [pb.AccessChange(username=f"u{number}", **limit) for number in (1, 3, 4)]
        service.stub.SetAccess(pb.SetAccessRequest(router_id=router_id, changes=changes))
        api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=server.port)
        entries = list(api.path("ip", "firewall", "address-list"))
        api.close()
        found = pages(service, router_id, page_size=2, address_lists=["unpaid"])
    assert len(found) == 3
    listed = {one.username for page in found for one in page.secrets if one.access == pb.ACCESS_LIMITED}
    assert listed == {"u1", "u3", "u4"}
    assert {(one["list"], one["address"]) for one in entries} == {("unpaid", f"10.9.0.{n + 1}") for n in (1, 3, 4)}
