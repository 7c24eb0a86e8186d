"""What a scenario is, and the two forms in which it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chaos import ledger
from chaos.findings import Findings
from chaos.stage import Plan, Stage

# The real dispatcher with short leases: waiting for a lease to run out is most of what the short form would do.
_QUICK_MODULES = {"dispatcher": "chaos.short_lease"}


@dataclass(frozen=True, slots=True)
class Form:
    """How much of everything: the short form for CI, or the numbers of the table."""

    quick: bool

    def pick(self, quick: int, full: int) -> int:
        """One of two numbers."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Scenario:
    """`run` breaks and heals and adds its own figures; then the stage drains and the books are checked.

    `caught`: for a control run, in which something is broken on purpose, the invariants of the books of which at least
    one must be reported.
    """

    fault: str
    run: Callable[[Stage, Form, Findings], None]
    plan: Plan = field(default_factory=Plan)
    caught: tuple[str, ...] = ()
    alone: bool = False

    def plan_for(self, form: Form) -> Plan:
        """What it needs in that form."""
        modules: Mapping[str, str] = (_QUICK_MODULES if form.quick else {}) | dict(self.plan.modules)
        return replace(self.plan, modules=modules)

    def play(self, stage: Stage, form: Form) -> Findings:
        """Run it on a stage that is up; what was found."""
        own = Findings()
        self.run(stage, form, own)
        own.note(drain_seconds=round(stage.drain(), 1))
        findings = ledger.audit(stage)
        findings.figures = own.figures | findings.figures
        findings.broken |= own.broken
        return _turned(findings, self.caught) if self.caught else findings


def _turned(findings: Findings, caught: tuple[str, ...]) -> Findings:
    """A control run holds when its planted bug was caught."""
    reported = findings.broken
    turned = Findings(findings.figures | {"caught": reported})
    turned.must(
        "planted_bug_is_caught", bool(reported.keys() & set(caught)), f"none of {', '.join(caught)} was reported"
    )
    return turned
