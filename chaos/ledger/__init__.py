"""The invariants, checked from outside: SQL and the simulators' state against the sender's own log."""

from chaos.findings import Findings
from chaos.ledger import books, lines, messages, money
from chaos.stage import Stage


def audit(stage: Stage) -> Findings:
    """Check everything, once the stage has drained."""
    findings = Findings()
    attempts = stage.sender.attempts
    kept = books.read(stage.engine)
    money.check(findings, attempts, kept)
    managed = stage.customers if stage.plan.environment.get("REJESHA_LINES") == "manage" else ()
    lines.check(findings, attempts, kept, stage.routers, managed)
    messages.check(findings, attempts, kept, stage.textsms.inbox())
    return findings
