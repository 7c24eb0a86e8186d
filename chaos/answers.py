"""How long senders waited for their answers, beside a fault and normally."""

import statistics
from collections.abc import Sequence

from chaos.findings import Findings
from chaos.sender import Attempt

# So many times as long as normally may an answer take beside a fault that does not concern its sender.
_MOST_TIMES_NORMAL = 3
# In the short form the 99th percentile is the second or third worst of its samples, and a disk that stalls makes it.
_SLACK_OF_FEW_SAMPLES = 0.25


def compare(findings: Findings, normal: Sequence[Attempt], beside: Sequence[Attempt], *, few: bool) -> None:
    """Note both spreads, and that the second is not much worse. `few` samples: a late percentile says little then."""
    usual, during = _spread(normal), _spread(beside)
    findings.note(answers_normal=usual, answers_beside_fault=during, samples=len(beside))
    findings.note(p99_ratio=round(during["p99"] / usual["p99"], 2))
    measure, slack = ("p95", _SLACK_OF_FEW_SAMPLES) if few else ("p99", 0.0)
    findings.must(
        "others_unaffected",
        during[measure] <= max(_MOST_TIMES_NORMAL * usual[measure], usual[measure] + slack),
        f"{measure} {usual[measure]:.3f} s normally, {during[measure]:.3f} s beside the fault",
    )


def _spread(attempts: Sequence[Attempt]) -> dict[str, float]:
    cuts = statistics.quantiles([attempt.seconds for attempt in attempts], n=100)
    return {f"p{percent}": round(cuts[percent - 1], 4) for percent in (50, 95, 99)}
