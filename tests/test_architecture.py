"""The design that a machine can hold us to: who imports whom, where SQL may stand, how large things grow."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.environment import MIGRATIONS
from deploy.local.environment import SERVICES as SETTINGS

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("servicekit/src", "services", "cli/src", "simulators", "deploy")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)
SERVICES = ("billing", "router_control", "notify")  # the gateway has no database of ours: see its own tests below
QUERY_WORDS = {"select", "insert", "update", "delete", "text", "exec_driver_sql", "execute"}


def imports(path: Path) -> set[str]:
    """The modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def service_files(service: str) -> list[Path]:
    return [path for path in SOURCES if service in path.relative_to(ROOT).parts]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_import_directions():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_no_query_stands_outside_the_store(service):
    allowed = {"store", "store.py", "models.py", "schema.py", "adoption"}
    for path in service_files(service):
        if allowed & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            word = getattr(called, "attr", "")
            owner = getattr(getattr(called, "value", None), "id", "")
            assert not (word in QUERY_WORDS and owner in {"sa", "sqlalchemy", "connection"}), (
                f"{name(path)}:{node.lineno} has a query: it belongs in store"
            )


@pytest.mark.parametrize("service", SERVICES)
def test_the_store_never_commits_and_never_begins(service):
    for path in service_files(service):
        if "store" in path.parts or path.name == "store.py":
            if "adoption" in path.parts:  # migrates, where MySQL commits each ALTER by itself
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    assert getattr(node.func, "attr", "") not in {"commit", "begin", "rollback"}, name(path)


@pytest.mark.parametrize("service", SERVICES)
def test_a_store_answers_typed_records(service):
    """Whoever calls a store sees names and types that mypy knows, not rows of anything."""
    untyped = ("Any", "Row[", "RowMapping", "Mapping[str, object]")
    for path in service_files(service):
        # Row locking carries out queries for the other stores: their rows go nowhere else.
        if path.name != "store.py" or path.parent.name == "locking":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                signature = [each.annotation for each in node.args.args + node.args.kwonlyargs] + [node.returns]
                said = " ".join(ast.unparse(each) for each in signature if each)
                assert not [word for word in untyped if word in said], f"{name(path)}:{node.lineno} {node.name}: {said}"


# What rules may use of servicekit.
PURE = tuple(f"servicekit.{one}" for one in ("backoff", "money", "phones", "references", "rpc.errors", "segments"))


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "rules.py"], ids=name)
def test_rules_are_pure(path):
    """No database, no wire, no clock, no process; of servicekit only what is as pure, and what errors are called."""
    impure = {"sqlalchemy", "grpc", "google", "rejesha", "servicekit", "structlog", "time", "os", "threading", "socket"}
    found = {one for one in imports(path) if one.split(".")[0] in impure and not one.startswith(PURE)}
    assert not found - {"servicekit"}, f"{name(path)} imports {found}"


@pytest.mark.parametrize("service", SERVICES)
def test_protobuf_stops_at_the_servicer(service):
    borders = {"servicer", "servicer.py", "__main__.py"}
    for path in service_files(service):
        if not borders & set(path.parts):
            foreign = {module for module in imports(path) if module.startswith(("rejesha.", "google.protobuf"))}
            assert not foreign, f"{name(path)} imports {foreign}"


def test_in_the_gateway_protobuf_and_grpc_stop_at_its_clients():
    for path in service_files("gateway"):
        if "clients" not in path.parts:
            foreign = {
                one for one in imports(path) if one.split(".")[0] in {"rejesha", "google", "grpc", "grpc_health"}
            }
            assert not foreign, f"{name(path)} imports {foreign}"


def test_in_the_gateway_only_the_spool_s_files_know_sqlite():
    knows = {path.stem for path in service_files("gateway") if "sqlite3" in imports(path)}
    assert knows == {"database", "recovery", "store"}


@pytest.mark.parametrize(
    "module",
    ["callbacks/odd_bodies", "callbacks/parsing", "callbacks/raw", "callbacks/rules", "operations/timeline",
     "spool/rules"],
)  # fmt: skip
def test_the_gateway_s_rules_are_pure(module):
    path = ROOT / f"services/gateway/src/gateway/{module}.py"
    impure = {"asyncio", "fastapi", "google", "grpc", "os", "rejesha", "sqlite3", "starlette", "structlog", "time"}
    assert not [one for one in imports(path) if one.split(".")[0] in impure]


@pytest.mark.parametrize(
    "module",
    [
        "accounts/rules", "calendar", "credits/rules", "failures/rules", "ledger/rules", "lookup/rules",
        "notices/composing", "notices/rules", "notices/throttle", "payees/rules", "payments/rules",
        "payments/settlement", "payments/timeline", "policies/fields", "policies/rules", "policy",
        "quarantine/rules", "reminders/rules", "tasks/rules",
    ],
)  # fmt: skip
def test_billing_s_rules_are_pure(module):
    path = ROOT / f"services/billing/src/billing/{module}.py"
    impure = {"sqlalchemy", "grpc", "servicekit", "rejesha", "time", "os", "billing.schema"}
    found = {one for one in imports(path) if any(one == bad or one.startswith(bad + ".") for bad in impure)}
    assert not {one for one in found - {"servicekit"} if not one.startswith(PURE)}


@pytest.mark.parametrize("service", ["billing", "router-control", "notify"])
def test_a_service_s_migrations_form_one_chain(service):
    """Two that were written side by side have one number, and none of them can be run."""
    scripts = sorted((ROOT / "services" / service / "migrations" / "versions").glob("*.py"))
    found = [
        dict(re.findall(r'^(revision|down_revision) = (?:"(\w+)"|None)$', path.read_text(), re.MULTILINE))
        for path in scripts
    ]
    assert [one["revision"] for one in found] == [path.name[:4] for path in scripts]
    assert [one["down_revision"] for one in found] == ["", *(path.name[:4] for path in scripts[:-1])]


# In each noun, and explained once, in CONTRIBUTING.md.
IN_EACH_NOUN = {"__init__", "rules", "service", "store", "servicer", "errors", "tables"}


@pytest.mark.parametrize("readme", sorted(ROOT.glob("services/*/README.md")), ids=lambda path: path.parent.name)
def test_a_service_s_readme_says_of_each_noun_and_file_what_it_owns(readme):
    text = readme.read_text()
    nouns = {path.parent.name for path in readme.parent.glob("src/*/*/__init__.py")}
    assert {noun for noun in nouns if f"`{noun}/" not in text} == set()
    told = {re.sub(r"^.*/|\.py$", "", span) for span in re.findall(r"`([\w/.]+)`", text)}
    assert {path.stem for path in readme.parent.glob("src/**/*.py")} - IN_EACH_NOUN - told == set()
    contracts = (ROOT / "protos/rejesha" / readme.parent.name.replace("-", "_")).glob("v1/*.proto")
    assert [path.name for path in contracts if path.name not in text] == []


@pytest.mark.parametrize("service", SETTINGS)
def test_the_documents_name_each_setting(service):
    texts = [(ROOT / name).read_text() for name in ("docs/configuration.md", f"services/{service}/README.md")]
    told = set(re.findall(r"`(?:REJESHA_)?([A-Z][A-Z_]+)`", "".join(texts)))
    wanted = {name.removeprefix("REJESHA_") for name in SETTINGS[service].variables()}
    if service in MIGRATIONS:
        wanted |= {name.removeprefix("REJESHA_") for name in MIGRATIONS[service].variables()}
    assert wanted - told == set()


def test_the_documents_name_each_variable_of_compose():
    wanted = set(re.findall(r"\$\{REJESHA_(\w+)", (ROOT / "deploy/compose.yaml").read_text()))
    texts = "".join(path.read_text() for path in ROOT.glob("docs/*.md"))
    assert wanted - set(re.findall(r"`(?:REJESHA_)?([A-Z][A-Z_]+)[`=]", texts)) == set()


def test_moving_over_names_each_table_of_ours():
    schemas = [*ROOT.glob("services/*/src/**/schema.py"), *ROOT.glob("services/*/src/**/tables.py")]
    tables = {table for path in schemas for table in re.findall(r'sa\.Table\(\s*"(\w+)"', path.read_text())}
    told = set(re.findall(r"`(\w+)`", (ROOT / "docs/moving-over.md").read_text()))
    assert len(tables) > 20
    assert tables - told == set()


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "common", "manager", "managers", "helpers", "helper", "misc"}
    assert not [name(path) for path in SOURCES if path.stem in drawers]


def test_files_stay_small():
    long = {name(path): count for path in SOURCES if (count := len(path.read_text().splitlines())) > 300}
    assert not long


def test_functions_stay_small():
    long = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno > 60
    ]
    assert not long


def test_a_log_line_about_a_task_or_a_message_names_its_payment():
    """Whoever looks for a TransID in the logs finds all that concerns it, under one key."""
    lines = 0
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(getattr(node.func, "value", None), "id", "") == "log":
                keys = {keyword.arg for keyword in node.keywords}
                lines += bool(keys & {"trans_id", "trans_ids"})
                for one, payment in (("task_id", "trans_id"), ("message_id", "trans_id"), ("task_ids", "trans_ids")):
                    assert one not in keys or payment in keys, f"{name(path)}:{node.lineno} names no payment"
    assert lines > 10
