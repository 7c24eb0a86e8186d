"""Strangers without the secret try to hold the door shut: honest payments must not notice."""

import statistics
from pathlib import Path

from chaos import strangers
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.sender import Attempt
from chaos.stage import Plan, Stage

_SECRET = "the-chaos-secret-0123456789"  # noqa: S105  # opens nothing but the stage
_RATE = 50
_MOST_TIMES_NORMAL = 3
# The short form's p99 is the second worst of its samples: there the slow tenth is looked at, and only what comes near a
# time-out tells something.
_SLACK_OF_FEW_SAMPLES = 0.5
_MOST_MEGABYTES = 500


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    count = form.pick(120, 1_500)
    _pay(stage, 50)  # warm
    normal: list[Attempt] = []
    measure, slack = ("p90", _SLACK_OF_FEW_SAMPLES) if form.quick else ("p99", 0)
    for kind in strangers.KINDS:
        normal += _pay(stage, count)  # in turns, so that what else the machine does befalls both
        with strangers.at(stage.sender.doors.ports[0], kind) as counts:
            beside = _pay(stage, count)
        usual, besieged = _spread(normal), _spread(beside)
        findings.note(**{f"beside_{kind}": besieged, f"{kind}_did": dict(counts)})
        findings.must(f"strangers_came_{kind}", counts.get("connections", 0) > 0, "nobody came")
        findings.must(
            f"honest_unaffected_by_{kind}",
            besieged[measure] <= max(_MOST_TIMES_NORMAL * usual[measure], usual[measure] + slack),
            f"{measure} {usual[measure]:.3f} s normally, {besieged[measure]:.3f} s beside strangers",
        )
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])
    megabytes = _most_megabytes(stage["gateway"].pid)
    findings.note(normal=_spread(normal), samples=count, gateway_megabytes_at_most=megabytes)
    findings.must("memory_is_bounded", megabytes < _MOST_MEGABYTES, f"the gateway took {megabytes} MB")


def _pay(stage: Stage, count: int) -> list[Attempt]:
    before = len(stage.sender.attempts)
    pouring = stage.sender.pour(stage.callbacks.mixed(), rate=_RATE, until=lambda: False, most=count)
    stage.background.do(pouring)
    return stage.sender.attempts[before:]


def _spread(attempts: list[Attempt]) -> dict[str, float]:
    cuts = statistics.quantiles([attempt.seconds for attempt in attempts], n=100)
    return {"p50": round(cuts[49], 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3)}


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
