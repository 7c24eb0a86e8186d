"""`rejesha migrate` and `rejesha doctor`, with the real services as programs and with programs told what to say."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from rejesha.router_control.v1 import router_control_service_pb2 as router_pb
from rejesha_cli.certificates import authority, holders
from rejesha_cli.installation import checks, programs
from werkzeug import Response

from simulators.routeros import Router, RouterServer, User

WELL = "ok\tserver\nok\ttables"


@pytest.fixture
def say(monkeypatch):
    """Lets programs end as they are told, and keeps what was run."""
    told, ran = {}, []

    def run(program, environment, *arguments):
        ran.append((program.name, *arguments))
        code, answer, remarks = told.get((program.name, *arguments), (0, "", ""))
        return programs.Ended(program, code, answer, remarks)

    monkeypatch.setattr(programs, "run", run)
    run.told, run.ran = told, ran
    return run


@pytest.fixture
def only_billing(monkeypatch):
    """Nothing but billing is installed here."""
    monkeypatch.setattr(programs.Program, "is_installed", property(lambda program: program.name == "billing"))


@pytest.mark.processes
def test_a_database_is_migrated_with_the_settings_of_a_file_and_found_well(rejesha, only_billing, tmp_path):
    refused = rejesha("migrate")
    assert refused.code == 1
    assert "billing: failed. REJESHA_BILLING_DATABASE_URL is missing" in refused.out
    assert "REJESHA_DATABASE_URL does for all services" in refused.out
    assert "--env-file" in refused.err
    assert rejesha("--env-file", "rejesha.env", "migrate").code == 2  # there is no such file

    (tmp_path / "rejesha.env").write_text(f"REJESHA_BILLING_DATABASE_URL=sqlite:///{tmp_path}/billing.db\n")
    found = rejesha("--env-file", "rejesha.env", "doctor", "--json").document["checks"]
    assert "the table isps is missing: run `rejesha migrate`" in str(found)
    migrated = rejesha("--env-file", "rejesha.env", "migrate")
    assert (migrated.code, "billing: migrated." in migrated.out) == (0, True)
    found = rejesha("--env-file", "rejesha.env", "doctor", "--json").document["checks"]
    billing = {one["check"]: one for one in found if one["of"] == "billing"}
    assert {billing[check]["well"] for check in ("server", "tables", "row locks", "clock")} == {True}
    assert "REJESHA_SHORTCODES is missing" in billing["settings"]["detail"]
    assert "REJESHA_BILLING_TARGET" in billing["reachable"]["detail"]


def test_what_stands_in_the_way_of_one_stops_all(rejesha, say):
    say.told["notify", "migrate", "--check"] = (1, "notify: This database cannot be migrated yet.\n  x a table", "")
    ended = rejesha("migrate")
    assert ended.code == 1
    assert "notify: refused. This database cannot be migrated yet.\n    x a table\n" in ended.out
    assert {arguments for _, *arguments in map(tuple, say.ran) for arguments in [tuple(arguments)]} == {
        ("migrate", "--check")
    }


def test_a_migration_that_stops_leaves_the_others_for_the_next_run(rejesha, say):
    say.told["router-control", "migrate"] = (1, "", "router_control: the migration stopped. The database said: 2013")
    states = [(one["service"], one["state"]) for one in rejesha("migrate", "--json").document["services"]]
    assert states == [("billing", "migrated"), ("router-control", "failed"), ("notify", "stopped")]


def test_one_service_is_migrated_alone(rejesha, say):
    assert rejesha("migrate", "router-control").code == 0
    assert say.ran == [("router-control", "migrate", "--check"), ("router-control", "migrate")]
    refused = rejesha("migrate", "gateway")
    assert (refused.code, "'gateway' is not one of" in refused.err) == (2, True)


def test_what_is_not_installed_here_is_said(rejesha, say, only_billing, monkeypatch):
    ended = rejesha("migrate")
    assert ended.code == 0
    assert "billing: migrated." in ended.out
    assert "notify: not installed. There is no Python package notify here: run this where notify runs." in ended.out
    assert {name for name, *_ in say.ran} == {"billing"}
    refused = rejesha("migrate", "notify")
    assert (refused.code, "notify is not installed here" in refused.err) == (1, True)
    found = rejesha("doctor", "--json").document["checks"]
    assert [one["of"] for one in found if one["well"] is None] == ["router-control", "notify", "gateway"]
    monkeypatch.setattr(programs.Program, "is_installed", False)
    assert "none of billing, router-control, notify is installed here" in rejesha("migrate").err


@pytest.fixture
def reachable(installation, router_control):
    """The installation, whose one router lets us in."""
    router_control.stub.DeleteRouter(router_pb.DeleteRouterRequest(router_id=1))
    with RouterServer(Router(User("api", "word"))) as server:
        router_control.add("Hill", "127.0.0.1", port=server.port, password="word")
        yield installation


def test_the_doctor_says_what_is_well_in_few_lines_and_what_is_wrong_in_one_each(reachable, say, httpserver):
    def health(_request):
        told = {"status": "healthy", "timestamp": datetime.now(UTC).isoformat(), "spool": {"state": "ok", "waiting": 0}}
        return Response(json.dumps(told), content_type="application/json")

    httpserver.expect_request("/health").respond_with_handler(health)
    for program in programs.ALL:
        say.told[program.name, "doctor"] = (0, WELL, "")
    ended = reachable("doctor")
    assert ended.code == 0, ended.out
    assert "well   billing         server, tables\n" in ended.out
    assert "well   notify          health: serving at" in ended.out
    assert "well   routers         reachable: 1 of 1 let us in\n" in ended.out
    clocks = [one["well"] for one in reachable("doctor", "--json").document["checks"] if one["check"] == "clock"]
    assert clocks == [True] * 4  # of the three running services and the gateway
    say.told["notify", "doctor"] = (1, f"{WELL}\nbad\tclock: 60 s behind this machine's: let both be set by NTP", "")
    say.told["billing", "doctor"] = (2, "", "rejesha: REJESHA_BILLING_DATABASE_URL is missing and has no default.")
    ended = reachable("doctor")
    assert ended.code == 1
    assert "WRONG  notify          clock: 60 s behind this machine's: let both be set by NTP\n" in ended.out
    assert "WRONG  billing         settings: REJESHA_BILLING_DATABASE_URL is missing and has no default.\n" in ended.out


@pytest.mark.parametrize(
    ("changes", "name", "why"),
    [
        ({"status": "unhealthy", "error": "billing is unreachable"}, "health", "billing is unreachable"),
        ({"timestamp": (datetime.now(UTC) - timedelta(hours=3)).isoformat()}, "clock", "behind this machine's"),
        ({"spool": {"state": "full", "waiting": 0}}, "spool", "REJESHA_GATEWAY_SPOOL"),
        ({"spool": {"state": "draining", "waiting": 7}}, "spool", "7 callbacks wait"),
    ],
)
def test_what_is_wrong_with_the_gateway_is_named(reachable, say, httpserver, changes, name, why):
    health = {"status": "healthy", "spool": {"state": "ok", "waiting": 0}} | changes
    httpserver.expect_request("/health").respond_with_json(health)
    wrong = [one for one in reachable("doctor", "--json").document["checks"] if one["well"] is False]
    assert [(one["of"], one["check"]) for one in wrong] == [("gateway", name)]
    assert why in wrong[0]["detail"]


def test_the_doctor_names_each_router_that_does_not_let_us_in_and_waits_for_none_for_long(
    reachable, router_control, monkeypatch
):
    monkeypatch.setattr(checks, "_ROUTER_SECONDS", 2.0)
    monkeypatch.setattr(programs.Program, "is_installed", False)
    hill = router_control.get(2)
    router_control.add("Wrong", hill.address, port=hill.port, password="another")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        router_control.add("Silent", "127.0.0.1", port=silent.getsockname()[1], password="word")
        found = reachable("doctor", "--json").document["checks"]
    routers = {one["check"]: (one["well"], one["detail"]) for one in found if one["of"] == "routers"}
    assert routers.pop("reachable") == (True, "1 of 3 let us in")
    assert {name: well for name, (well, _) in routers.items()} == {"3 Wrong": False, "4 Silent": False}
    monkeypatch.setattr(checks, "_ROUTERS_SECONDS", 0.0)
    found = reachable("doctor", "--json").document["checks"]
    assert [one["well"] for one in found if one["of"] == "routers"] == [None] * 4


def test_a_clock_may_be_off_by_as_long_as_asking_takes():
    moment = datetime(2026, 11, 26, 12, tzinfo=UTC)
    ours = moment.timestamp()
    assert checks.of_clock("billing", moment.isoformat(), ours - 1.5).well
    assert "3 s ahead of" in checks.of_clock("billing", moment.isoformat(), ours - 3).text
    assert checks.of_clock("billing", "noon", ours).well is None


def test_a_certificate_that_ends_soon_is_warned_of_and_one_that_has_ended_is_wrong(tmp_path):
    authority.create(tmp_path)
    for role, days in (("operator", 20), ("billing", 200)):
        authority.issue(tmp_path, holders.of_process([role]), days)
    at = tmp_path / "operator"

    def found(after=0):
        moment = datetime.now(UTC) + timedelta(days=after)
        return {one.name: (one.well, one.warns) for one in checks.of_certificates(str(at), moment)}

    well = {"billing/tls.crt": (True, False), "operator/ca.crt": (True, False)}
    assert found() == {**well, "operator/tls.crt": (True, True)}
    assert found(after=21) == {**well, "operator/tls.crt": (False, False)}
    (at / "tls.crt").write_text("no certificate")
    assert found()["operator/tls.crt"] == (False, False)
    assert list(checks.of_certificates("", datetime.now(UTC))) == []
