"""`rejesha database grants` with programs that are told what to say; what the SQL does, tests/security shows."""

import pytest
from rejesha_cli.installation import programs


@pytest.fixture
def ran(monkeypatch):
    """Every program ends well and says its name; what was run is kept."""
    kept = []

    def run(program, environment, *arguments):
        kept.append((program.name, *arguments))
        return programs.Ended(program, 0, f"GRANT … TO '{program.name}'@'%';" if len(arguments) == 1 else "", "")

    monkeypatch.setattr(programs, "run", run)
    return kept


def test_the_sql_of_all_services_is_printed_and_nothing_is_run(rejesha, ran):
    ended = rejesha("database", "grants")
    assert ended.code == 0
    assert ended.out.startswith("-- billing\nGRANT … TO 'billing'@'%';\n-- router-control\n")
    assert ran == [("billing", "grants"), ("router-control", "grants"), ("notify", "grants")]


def test_it_is_run_where_that_is_asked_for(rejesha, ran):
    ended = rejesha("database", "grants", "notify", "--apply")
    assert (ended.code, ended.out, ran) == (0, "notify: granted.\n", [("notify", "grants", "--apply")])


@pytest.mark.processes
def test_what_cannot_be_granted_is_said(rejesha, monkeypatch):
    monkeypatch.setenv("REJESHA_DATABASE_URL", "sqlite:////nowhere/at-all.db")
    ended = rejesha("database", "grants", "billing")
    assert (ended.code, "SQLite has no users" in ended.err) == (1, True)
    monkeypatch.setenv("REJESHA_DATABASE_URL", "mysql://billing:the-password@mysql/rejesha")
    ended = rejesha("database", "grants", "billing", "--apply")
    assert (ended.code, "REJESHA_DATABASE_ADMIN_URL is missing" in ended.err) == (1, True)
    printed = rejesha("database", "grants", "billing")
    assert "GRANT SELECT, INSERT ON `rejesha`.`ledger_transfers` TO 'billing'@'%';" in printed.out
    assert "the-password" not in printed.out
