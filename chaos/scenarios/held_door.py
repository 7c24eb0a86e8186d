"""Strangers without the secret try to hold the door shut: honest payments must not notice."""

from pathlib import Path

from chaos import answers, strangers
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.sender import Attempt
from chaos.stage import Plan, Stage

_SECRET = "the-chaos-secret-0123456789"  # noqa: S105  # opens nothing but the stage
_RATE = 50
_MAX_MEGABYTES = 500


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    count = form.pick(120, 1_500)
    stage.pay(50, _RATE)  # warm
    normal: list[Attempt] = []
    measure = answers.VERY_FEW_SAMPLES if form.quick else answers.FULL
    for kind in strangers.KINDS:
        normal += stage.pay(count, _RATE)  # in turns, so that what else the machine does befalls both
        with strangers.at(stage.sender.doors.ports[0], kind) as counts:
            beside = stage.pay(count, _RATE)
        findings.note(**{f"{kind}_did": dict(counts)})
        findings.must(f"strangers_came_{kind}", counts.get("connections", 0) > 0, "nobody came")
        answers.compare(findings, normal, beside, measure, kind)
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])
    megabytes = _most_megabytes(stage["gateway"].pid)
    findings.note(gateway_megabytes_at_most=megabytes)
    findings.must("memory_is_bounded", megabytes < _MAX_MEGABYTES, f"the gateway took {megabytes} MB")


def _most_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) // 1024


SCENARIOS = {
    "held-door": Scenario(
        "strangers stream, send heads without end, and idle",
        _run,
        Plan(environment={"REJESHA_CALLBACK_SECRETS": _SECRET}),
        alone=True,
    )
}
