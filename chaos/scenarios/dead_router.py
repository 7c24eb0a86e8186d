"""One router of twenty accepts connections and never answers: the other nineteen must not notice."""

import statistics
from collections.abc import Iterator
from itertools import islice

from chaos.callbacks import Callback
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_ROUTERS = 20
_RATE = 20
_DEAD = 7
_MAX_TIMES_NORMAL = 1.2
# The short form's p99 is the second worst of its samples, and a disk that stalls for a second makes it. There the slow
# tenth is looked at, and only a wait for the dead router, which is seconds, tells something.
_SLACK_OF_FEW_SAMPLES = 1.5


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    _pay(stage, 40)  # warm: every router's connection is made
    normal: list[str] = []
    broken: list[str] = []
    for _ in range(form.pick(2, 4)):  # in turns, so that what else the machine does befalls both
        normal += _pay(stage, form.pick(100, 1000))
        stage.routers.break_one(_DEAD, "half-open")
        broken += _pay(stage, form.pick(100, 1000))
        stage.routers.heal()
    stage.drain()
    spread = {name: _spread(_delays(stage, ids)) for name, ids in (("normal", normal), ("broken", broken))}
    findings.note(others_normal=spread["normal"], others_beside_dead=spread["broken"], samples=len(broken))
    findings.note(p99_ratio=round(spread["broken"]["p99"] / spread["normal"]["p99"], 2))
    measure, slack = ("p90", _SLACK_OF_FEW_SAMPLES) if form.quick else ("p99", 0)
    usual, beside = spread["normal"][measure], spread["broken"][measure]
    findings.must(
        "others_unaffected",
        beside <= max(_MAX_TIMES_NORMAL * usual, usual + slack),
        f"{measure} {usual:.3f} s normally, {beside:.3f} s beside a dead router",
    )


def _pay(stage: Stage, count: int) -> list[str]:
    """Months for customers of all routers; the TransIDs of those who are not on the one that dies."""
    sent: list[str] = []

    def stream() -> Iterator[Callback]:
        while True:
            callback = stage.callbacks.full()
            if callback.customer and callback.customer.router != _DEAD:
                sent.append(callback.trans_id)
            yield callback

    callbacks = islice(stream(), count)
    stage.background.do(stage.sender.pour(callbacks, rate=_RATE, until=lambda: False))
    _wait_for_the_others(stage, sent)
    return sent


def _wait_for_the_others(stage: Stage, trans_ids: list[str]) -> None:
    stage.wait_until(lambda: len(_delays(stage, trans_ids)) == len(trans_ids))


def _delays(stage: Stage, trans_ids: list[str]) -> list[float]:
    """Seconds from each payment's record to its confirmed line, by the database's clock."""
    listed = ",".join(f"'{trans_id}'" for trans_id in trans_ids)
    statement = (
        "SELECT timestampdiff(MICROSECOND, create_time, end_time) FROM tasks"  # noqa: S608
        f" WHERE kind = 'set_access' AND state = 'done' AND trans_id IN ({listed})"
    )
    return [int(str(row[0])) / 1e6 for row in stage.query(statement)]


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50": round(cuts[49], 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3)}


SCENARIOS = {
    "dead-router": Scenario(
        "one router of twenty black-holed",
        _run,
        Plan(routers=_ROUTERS, customers=10 * _ROUTERS),
        alone=True,
    )
}
