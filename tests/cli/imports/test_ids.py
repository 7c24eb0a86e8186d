"""Imports keep the ids of their files, because other files refer to them. With the real services and databases."""

import pytest
from billing.__main__ import MIGRATIONS as BILLING_MIGRATIONS
from billing.accounts.servicer import AccountServicer
from billing.policy import Policy
from cryptography.fernet import Fernet, MultiFernet
from rejesha.billing.v1 import account_service_pb2 as directory
from rejesha.billing.v1 import account_service_pb2_grpc
from rejesha.router_control.v1 import router_control_service_pb2_grpc
from router_control.__main__ import MIGRATIONS as ROUTER_MIGRATIONS
from router_control.__main__ import RouterControlServicer
from router_control.routeros.pool import Pool
from router_control.routers.targets import Defaults
from servicekit.rpc import channel
from servicekit.rpc.errors import AlreadyExists
from servicekit.rpc.server import Server

from servicekit import engines
from tests.databases import make_tables

ISPS = "id,name,smsaccount\n4,Delta,SMS004\n1,Acme,SMS001\n3,Nyota,SMS003\n"


@pytest.fixture
def account_target(database_url):
    """billing and router-control on one empty schema, behind one port."""
    engine = engines.create_engine(database_url)
    make_tables(engine, "billing", BILLING_MIGRATIONS)
    if engine.dialect.name == "sqlite":
        database_url = database_url.replace("test.db", "routers.db")
    routers_engine = engines.create_engine(database_url)
    make_tables(routers_engine, "router_control", ROUTER_MIGRATIONS)
    server = Server("127.0.0.1:0", threads=4, probe=lambda: True)
    server.add(account_service_pb2_grpc.add_AccountServiceServicer_to_server, AccountServicer(engine, Policy()))
    servicer = RouterControlServicer(routers_engine, MultiFernet([Fernet(Fernet.generate_key())]), Defaults(), Pool())
    server.add(router_control_service_pb2_grpc.add_RouterControlServiceServicer_to_server, servicer)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop(grace=0)
    engine.dispose()
    routers_engine.dispose()


@pytest.fixture
def run(rejesha, monkeypatch, account_target, tmp_path):
    """Runs the command; `run.file` imports a text and answers the report."""
    monkeypatch.setenv("REJESHA_BILLING_TARGET", account_target)
    monkeypatch.setenv("REJESHA_ROUTER_CONTROL_TARGET", account_target)

    def import_(noun, text, *options):
        (tmp_path / "file.csv").write_text(text)
        return rejesha(noun, "import", "file.csv", "--json", *options)

    rejesha_run = lambda *arguments: rejesha(*arguments, "--json").document  # noqa: E731
    rejesha_run.file = import_
    return rejesha_run


def isps(run):
    return {isp["name"]: isp["isp_id"] for isp in run("isp", "list")["isps"]}


def errors(ended):
    return {line["line"]: line["error"] for line in ended.document["lines"] if line["error"]}


def test_isps_keep_the_ids_of_their_file_and_customers_belong_to_the_isp_they_name(run):
    assert run.file("isp", ISPS).code == 0
    assert isps(run) == {"Acme": 1, "Nyota": 3, "Delta": 4}
    assert (
        run.file("router", "router_id,router_name,local_ip,login\n7,Hill,10.0.0.7,api\n2,Lake,10.0.0.2,api\n").code == 0
    )
    rows = "id,account_name,isp_id,router_id\n12,0949AQ,3,7\n5,0950AB,4,2\n,0951AC,1,\n"
    assert run.file("customer", rows).code == 0
    customers = {one["account_name"]: one for one in run("customer", "list")["customers"]}
    assert [(one["isp_id"], one["router_id"]) for one in customers.values()] == [(4, 2), (3, 7), (1, 0)]
    assert [customers[account]["customer_id"] for account in ("0949AQ", "0950AB")] == [12, 5]
    assert customers["0951AC"]["customer_id"] > 12

    again = [run.file("isp", ISPS), run.file("customer", rows)]
    assert [(ended.code, ended.document["created"], ended.document["unchanged"]) for ended in again] == [(0, 0, 3)] * 2


def test_a_taken_id_is_refused_by_name_and_a_dry_run_says_so_as_well(run):
    run.file("isp", "id,name\n3,Acme\n")
    run.file("router", "id,name,address,login\n3,Hill,10.0.0.1,api\n")
    run.file("customer", "id,account_name,isp_id\n3,0949AQ,3\n")
    files = {
        "isp": ("name,id\nNyota,3\nAcme,4\nFresh,9\n", "id 3 belongs to 'Acme' already", "with the id 3"),
        "router": (
            "name,id,address,login\nLake,3,10.0.0.9,api\nHill,4,10.0.0.1,api\nFresh,9,10.0.0.2,api\n",
            "id 3 belongs to 'Hill' already",
            "with the id 3",
        ),
        "customer": (
            "account_name,id,isp_id\n0950AB,3,3\n0949AQ,4,3\nFresh,9,3\n",
            "id 3 belongs to 0949AQ already",
            "is customer 3 already",
        ),
    }
    for noun, (text, first, second) in files.items():
        dry, wet = run.file(noun, text, "--dry-run"), run.file(noun, text)
        assert [dry.code, wet.code] == [1, 1]
        assert errors(dry) == errors(wet)
        assert first in errors(wet)[2]
        assert second in errors(wet)[3]
        assert wet.document["created"] == 1


@pytest.mark.parametrize("bad", ["0", "-1", "1.0", "3e2", "x", "٣", "1000000001", "9" * 30])
def test_what_is_no_id_is_refused_and_gets_no_new_one(run, bad):
    ended = run.file("isp", f"isp id,name\n{bad},Acme\n")
    assert ended.code == 1
    assert "is no whole number from 1 to" in errors(ended)[2]
    assert isps(run) == {}


def test_an_id_that_stands_twice_goes_to_neither(run):
    ended = run.file("isp", "id,name,phone\n3,Acme,\n4,Nyota,\n03,Delta,no phone\n3,Other,\n")
    assert errors(ended).keys() == {2, 4, 5}
    assert "id 3 stands on lines 2 and 4 and 5" in errors(ended)[5]
    assert isps(run) == {"Nyota": 4}


def test_whoever_has_no_id_never_gets_one_that_the_file_names(run):
    text = "id,name\n,First\n2,Second\nNULL,Third\n1,Fourth\n"
    assert run.file("isp", text, "--dry-run").document["created"] == 4
    assert isps(run) == {}
    assert run.file("isp", text).code == 0
    found = isps(run)
    assert (found["Second"], found["Fourth"]) == (2, 1)
    assert min(found["First"], found["Third"]) > 2

    # A bad line may be the one that an id is meant for.
    ended = run.file("isp", "id,name,phone\n6,Fifth,bad\n,Sixth,\n7,Seventh,\n")
    assert "waits until no line of the file is bad" in errors(ended)[3]
    assert isps(run).keys() == {"First", "Second", "Third", "Fourth", "Seventh"}


def test_new_ids_are_told_where_a_file_names_none(run, rejesha, tmp_path):
    (tmp_path / "isps.csv").write_text("name\nAcme\n")
    assert "let a customers' file name them" in rejesha("isp", "import", "isps.csv").err
    assert rejesha("isp", "import", "isps.csv").err == ""


def test_a_reference_that_means_two_things_is_refused(run):
    run.file("isp", "id,name\n1,3\n3,Acme\n")
    run.file("router", "id,name,address,login\n1,07,10.0.0.1,api\n7,Hill,10.0.0.7,api\n")
    rows = "account,isp,router\nA1,3,Hill\nA2,Acme,7\nA3,Acme,07\nA4,1,1\n"
    ended = run.file("customer", rows)
    assert errors(ended).keys() == {2, 4}
    assert "is the id of ISP 'Acme' and the name of ISP 1" in errors(ended)[2]
    assert "is the id of router 'Hill' and the name of router 1" in errors(ended)[4]
    # A column of ids holds ids, whatever ISPs are called.
    ended = run.file("customer", "account,isp_id,isp_name,router_id\nB1,3,,7\nB2,4,,\nB3,Acme,,\nB4,3,3,\nB5,3,acme,\n")
    assert errors(ended).keys() == {3, 4, 5}
    assert "no ISP with the id 'Acme'" in errors(ended)[4]
    placed = {one["account_name"]: (one["isp_id"], one["router_id"]) for one in run("customer", "list")["customers"]}
    assert placed == {"A2": (3, 7), "A4": (1, 1), "B1": (3, 7), "B5": (3, 0)}


def test_of_many_who_want_one_id_at_once_one_gets_it(account_target):
    """Also where there is no ISP yet whose row they could wait for."""
    calls = []
    with channel.connect(account_target, service="billing") as connected:
        stub = account_service_pb2_grpc.AccountServiceStub(connected)
        for number in range(8):
            isp = directory.Isp(isp_id=5, name=f"ISP {number}")
            calls.append(stub.CreateIsp.future(directory.CreateIspRequest(isp=isp), timeout=30))
        refused = [error.reason for call in calls if isinstance(error := call.exception(), AlreadyExists)]
        listed = stub.ListIsps(directory.ListIspsRequest()).isps
    assert (refused, [isp.isp_id for isp in listed]) == (["ID_TAKEN"] * 7, [5])
