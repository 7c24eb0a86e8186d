"""How long senders waited for their answers, beside a fault and normally."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.findings import Findings
from chaos.sender import Attempt

# So many times as long as normally may an answer take beside a fault that does not concern its sender.
_MAX_TIMES_NORMAL = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """The percentile that is judged, and how many seconds more than normally it may be whatever the ratio."""

    percent: int
    slack: float = 0.0


# In the short form the 99th percentile is the second or third worst of its samples, and a disk that stalls makes it.
FULL = Measure(99)
FEW_SAMPLES = Measure(95, 0.25)
VERY_FEW_SAMPLES = Measure(90, 0.5)


def compare(
    findings: Findings,
    normal: Sequence[Attempt],
    beside: Sequence[Attempt],
    measure: Measure,
    fault: str = "fault",
) -> None:
    """Note both spreads, and that the second is not much worse. `fault` names what it is beside."""
    usual, during = _spread(normal), _spread(beside)
    findings.note(**{"answers_normal": usual, f"answers_beside_{fault}": during, "samples": len(beside)})
    findings.note(**{f"p99_ratio_{fault}": round(during["p99"] / usual["p99"], 2)})
    judged = f"p{measure.percent}"
    findings.must(
        f"others_unaffected_by_{fault}",
        during[judged] <= max(_MAX_TIMES_NORMAL * usual[judged], usual[judged] + measure.slack),
        f"{judged} {usual[judged]:.3f} s normally, {during[judged]:.3f} s beside the {fault}",
    )


def _spread(attempts: Sequence[Attempt]) -> dict[str, float]:
    cuts = statistics.quantiles([attempt.seconds for attempt in attempts], n=100)
    return {f"p{percent}": round(cuts[percent - 1], 4) for percent in (50, 90, 95, 99)}
