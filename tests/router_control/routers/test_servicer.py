"""The registry over gRPC, and what must never leave the process."""

import io
import logging

import pytest
import sqlalchemy as sa
from servicekit.rpc.errors import ServiceError

PASSWORD = "mango-tree-7"


def test_a_router_is_created_read_listed_replaced_and_deleted_without_its_password(service, server):
    pb, stub = service.pb, service.stub
    router_id = service.register(server, tls=False)
    got = stub.GetRouter(pb.GetRouterRequest(router_id=router_id)).router
    assert (got.name, got.username, got.has_password) == ("r1", "rejesha", True)
    assert not got.HasField("password")
    assert list(stub.ListRouters(pb.ListRoutersRequest()).routers) == [got]
    got.name = "renamed"
    replaced = stub.UpdateRouter(pb.UpdateRouterRequest(router=got)).router
    assert (replaced.name, replaced.has_password) == ("renamed", True)
    assert service.check(router_id).outcome == "ALREADY_SO"  # the password was kept
    stub.DeleteRouter(pb.DeleteRouterRequest(router_id=router_id))
    assert service.get(router_id, "u")["u"].outcome == "NO_SUCH_ROUTER"


def test_a_deleted_router_s_connection_is_closed(service, router, router_id, wait_until):
    service.check(router_id)
    service.stub.DeleteRouter(service.pb.DeleteRouterRequest(router_id=router_id))
    wait_until(lambda: router.connections_open == 0)


def test_a_check_tells_who_the_router_is(service, router, router_id):
    check = service.check(router_id)
    assert (check.outcome, check.identity, check.detail) == ("ALREADY_SO", "router-1", "")
    assert check.version.startswith("7.20")
    assert check.elapsed_ms >= 0


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        (lambda s: s.stub.GetRouter(s.pb.GetRouterRequest(router_id=9)), "NOT_FOUND", "ROUTER_NOT_FOUND"),
        (lambda s: s.stub.DeleteRouter(s.pb.DeleteRouterRequest(router_id=9)), "NOT_FOUND", "ROUTER_NOT_FOUND"),
        (lambda s: s.check(9), "NOT_FOUND", "ROUTER_NOT_FOUND"),
        (
            lambda s: s.stub.UpdateRouter(
                s.pb.UpdateRouterRequest(router=s.pb.Router(router_id=9, name="x", address="10.0.0.1"))
            ),
            "NOT_FOUND",
            "ROUTER_NOT_FOUND",
        ),
        (lambda s: s.stub.CreateRouter(s.pb.CreateRouterRequest()), "INVALID_ARGUMENT", "INVALID_ROUTER"),
        (
            lambda s: [
                s.stub.CreateRouter(
                    s.pb.CreateRouterRequest(router=s.pb.Router(name=name, address="10.0.0.1", username="u"))
                )
                for name in ("x", "X")
            ],
            "ALREADY_EXISTS",
            "ROUTER_NAME_TAKEN",
        ),
    ],
)
def test_a_refused_call_carries_the_reason_of_the_contract(service, call, code, reason):
    with pytest.raises(ServiceError) as refused:
        call(service)
    assert (refused.value.status.name, refused.value.reason) == (code, reason)


@pytest.mark.parametrize("given", [PASSWORD, "wrong-kiwi-8"])
def test_no_log_line_answer_or_column_shows_a_password_even_when_everything_is_logged(
    service, router, server, sqlite_url, given
):
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root, quiet = logging.getLogger(), logging.getLogger("librouteros")
    levels = root.level, quiet.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    quiet.setLevel(logging.DEBUG)
    try:
        router.add_secret("u", disabled=True)
        router_id = service.register(server, password=given)
        answers = repr([service.set(router_id, {"u": True}), service.check(router_id), service.get(router_id, "u")])
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        quiet.setLevel(levels[1])
    engine = sa.create_engine(sqlite_url)
    with engine.connect() as connection:
        stored = repr(connection.exec_driver_sql("SELECT * FROM routers").all())
    engine.dispose()
    assert given not in said.getvalue() + answers + stored
