"""A simulated router, and the service as its callers meet it: a real gRPC server with a registry of its own."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet, MultiFernet
from rejesha.router_control.v1 import router_control_service_pb2 as pb
from rejesha.router_control.v1 import router_control_service_pb2_grpc as pb_grpc
from router_control.__main__ import MIGRATIONS, THREADS, RouterControlServicer
from router_control.routeros.pool import Pool
from router_control.routers.service import Registry
from router_control.routers.targets import Defaults, Targets
from servicekit.rpc.channel import connect
from servicekit.rpc.server import Server

from servicekit import engines
from simulators.routeros import Router, RouterServer, User, tls
from tests.databases import make_tables
from tests.router_control.certificates import self_signed

PASSWORD = "mango-tree-7"


class Service:
    """The running service and shorthands for its calls."""

    def __init__(self, stub, pool):
        self.stub, self.pool = stub, pool
        self.pb = pb

    def register(self, server, name="r1", *, port=None, username="rejesha", password=PASSWORD, **registration):
        router = pb.Router(
            name=name,
            address="127.0.0.1",
            port=port or server.port,
            username=username,
            password=password,
            **registration,
        )
        request = pb.CreateRouterRequest(router=router, use_default_login=not username)
        return self.stub.CreateRouter(request).router.router_id

    def update(self, router_id, *, use_default_login=False, **changes):
        """Save a router's registration with these changes; it must say all that shall stay, but for the password."""
        router = self.router(router_id)
        for name, value in changes.items():
            setattr(router, name, value)
        request = pb.UpdateRouterRequest(router=router, use_default_login=use_default_login)
        return self.stub.UpdateRouter(request).router

    def router(self, router_id):
        return self.stub.GetRouter(pb.GetRouterRequest(router_id=router_id)).router

    def certificate(self, router_id):
        return self.stub.GetRouterCertificate(pb.GetRouterCertificateRequest(router_id=router_id))

    def trust(self, router_id, fingerprint):
        request = pb.TrustRouterRequest(router_id=router_id, certificate_sha256=fingerprint)
        return self.stub.TrustRouter(request).router

    def set(self, router_id, wanted, timeout=10):
        """Ask for `wanted` (name: on?, or the fields of its change) and answer {name: result}, enums as short words."""
        fields = {name: one if isinstance(one, dict) else {"access": 1 if one else 2} for name, one in wanted.items()}
        changes = [pb.AccessChange(username=name, **these) for name, these in fields.items()]
        answer = self.stub.SetAccess(pb.SetAccessRequest(router_id=router_id, changes=changes), timeout=timeout)
        assert [result.username for result in answer.results] == list(wanted)
        return {result.username: short(result) for result in answer.results}

    def get(self, router_id, *names, timeout=10):
        answer = self.stub.GetAccess(pb.GetAccessRequest(router_id=router_id, usernames=names), timeout=timeout)
        assert [result.username for result in answer.results] == list(names)
        return {result.username: short(result) for result in answer.results}

    def queued(self, router_id):
        """How many calls wait for a router that is busy with another."""
        return self.pool._links[router_id].callers - 1

    def check(self, router_id, timeout=10):
        answer = self.stub.CheckRouter(pb.CheckRouterRequest(router_id=router_id), timeout=timeout)
        return SimpleNamespace(
            outcome=pb.AccessOutcome.Name(answer.outcome).removeprefix("ACCESS_OUTCOME_"),
            identity=answer.identity,
            version=answer.version,
            detail=answer.detail,
            elapsed_ms=answer.elapsed_ms,
        )


def short(result):
    return SimpleNamespace(
        outcome=pb.AccessOutcome.Name(result.outcome).removeprefix("ACCESS_OUTCOME_"),
        access=pb.Access.Name(result.access).removeprefix("ACCESS_"),
        sessions=result.sessions,
        detail=result.detail,
        profile=result.profile,
    )


def enabled(**fields):
    return {"access": pb.ACCESS_ENABLED, **fields}


def limited(**fields):
    return {"access": pb.ACCESS_LIMITED, **fields}


@pytest.fixture
def service(sqlite_url):
    engine = engines.create_engine(sqlite_url)
    make_tables(engine, "router_control", MIGRATIONS)
    pool = Pool()
    servicer = RouterControlServicer(engine, MultiFernet([Fernet(Fernet.generate_key())]), Defaults(), pool)
    server = Server("127.0.0.1:0", threads=THREADS, probe=lambda: True)
    server.add(pb_grpc.add_RouterControlServiceServicer_to_server, servicer)
    server.start()
    with connect(f"127.0.0.1:{server.port}", service="router-control") as channel:
        yield Service(pb_grpc.RouterControlServiceStub(channel), pool)
    server.stop(grace=0)
    pool.close()
    engine.dispose()


@pytest.fixture
def router():
    return Router(User("rejesha", PASSWORD))


@pytest.fixture
def server(router):
    with RouterServer(router) as server:
        yield server


@pytest.fixture
def router_id(service, server):
    return service.register(server)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition, seconds=15):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "what was waited for did not come"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificates")
    return self_signed(path / "first.pem"), self_signed(path / "second.pem")


@pytest.fixture
def serve(certificates):
    """Start a router at a port, which shows the first or the second certificate, or None; answers it and its server."""
    running = ExitStack()

    def start(which, port=0):
        context = tls.anonymous() if which is None else tls.with_certificate(certificates[which])
        router = Router(User("rejesha", PASSWORD))
        router.add_secret("u", disabled=True)
        return router, running.enter_context(RouterServer(router, tls=context, tls_port=port))

    with running:
        yield start


@pytest.fixture
def engine(database_url):
    engine = engines.create_engine(database_url, pool_size=20)
    make_tables(engine, "router_control", MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def keys():
    return MultiFernet([Fernet(Fernet.generate_key())])


@pytest.fixture
def registry(engine, keys):
    return Registry(engine, keys, Defaults("apiuser", "default-word"))


@pytest.fixture
def targets(engine, keys):
    return Targets(engine, keys, Defaults("apiuser", "default-word"))
