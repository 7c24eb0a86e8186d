"""A command imports what it needs and no more: imports are most of the time that it takes."""

import subprocess
import sys

import pytest
from rejesha_cli.__main__ import COMMANDS, load

RUN = """
import sys
from rejesha_cli.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print("\\nIMPORTED", *sys.modules)
"""
# What takes longest, by what it is for.
HTTP = {"httpx", "http.client", "ssl"}
GRPC = {"grpc", "grpc_health", "google.protobuf"}
TABLES = {"rich"}
NEVER = {"httpx", "pydantic", "sqlalchemy", "structlog", "typer"}
SERVICES = {"billing", "router_control", "notify", "gateway"}


def imported(tmp_path, *arguments):
    """The modules that a command has imported when it ends."""
    environment = {"PATH": "", "REJESHA_API_TOKEN": "token", "REJESHA_PLAINTEXT": "true"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(done.stdout.rpartition("IMPORTED")[2].split())


def protobufs(modules):
    return {name for name in modules if name.startswith("rejesha.")}


def test_help_imports_nothing_of_the_services(tmp_path):
    modules = imported(tmp_path, "--help")
    assert "rejesha_cli.__main__" in modules
    assert not modules & (GRPC | HTTP | TABLES | NEVER | SERVICES)
    assert not protobufs(modules)


def test_status_imports_only_what_it_asks_with(tmp_path):
    modules = imported(tmp_path, "status")
    assert "rejesha_cli.status.commands" in modules
    assert not modules & (NEVER | SERVICES)
    # Health has a protocol of its own: of router-control nothing else is asked.
    assert {name.split(".")[1] for name in protobufs(modules) if name.count(".") > 1} == {"billing", "notify"}
    assert {name for name in modules if name.startswith("rejesha_cli.") and name.endswith(".commands")} == {
        "rejesha_cli.status.commands",
        "rejesha_cli.spool.commands",
    }


def test_what_is_asked_over_http_opens_no_grpc(tmp_path):
    for command in (["spool"], ["payment", "show", "QGH7SK61SU"]):
        assert not imported(tmp_path, *command) & (NEVER | SERVICES | {"grpc"})


@pytest.mark.parametrize("word", COMMANDS)
def test_help_says_of_each_command_what_it_says_itself(word):
    assert load(word).name == word
    assert load(word).get_short_help_str(200).rstrip(".") == COMMANDS[word][1].rstrip(".")
