"""The database takes no writes: all of it for a while, and, after a failover, the old server to which a pool clings."""

import time
from collections.abc import Callable

from chaos import answers
from chaos.faults import wait_for_success
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.sender import Attempt
from chaos.stage import Stage

_RATE = 30
# Within so many seconds payments are recorded again once there is a server that takes them.
_MAX_SECONDS = 10.0


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    with stage.load(_RATE):
        stage.wait_until(lambda: len(stage.sender.attempts) > 2 * _RATE)  # warm: every connection is made
        normal = _beside(stage, lambda: _nothing(form.pick(5, 60)))
        clinging = _beside(stage, lambda: _cling(stage, findings))
        read_only = _beside(stage, lambda: _no_writes(stage, findings, form.pick(6, 60)))
    spooled = sum(attempt.outcome == "spooled" for attempt in read_only)
    findings.must("writes_were_refused", spooled > 0, "nothing was spooled")
    answers.compare(findings, normal, [*clinging, *read_only], answers.FEW_SAMPLES if form.quick else answers.FULL)
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])


def _beside(stage: Stage, fault: Callable[[], float]) -> list[Attempt]:
    """The attempts that were sent while something was the matter; `fault` answers since when it was."""
    began = fault()
    sent = [attempt for attempt in stage.sender.attempts if attempt.sent_at >= began]
    stage.wait_until(lambda: all(attempt.answered_at for attempt in sent))
    return sent


def _nothing(seconds: float) -> float:
    began = time.monotonic()
    time.sleep(seconds)
    return began


def _cling(stage: Stage, findings: Findings) -> float:
    """Every connection that billing has leads to a server that takes no writes any more; a new one would not."""
    began = time.monotonic()
    stage.background.do(stage.proxy.demote())
    seconds = wait_for_success(stage, began)
    stage.wait_until(lambda: not stage.spooled())
    findings.note(seconds_clinging=round(seconds, 2))
    findings.must("pool_lets_go", seconds < _MAX_SECONDS, f"it took {seconds:.1f} s until a payment was recorded")
    return began


def _no_writes(stage: Stage, findings: Findings, seconds: float) -> float:
    with stage.mysqld.read_only():
        began = time.monotonic()  # to switch it on, MySQL lets commits wait: that is not what is looked at
        time.sleep(seconds)
        health = stage.health()
    back = wait_for_success(stage, time.monotonic())
    findings.note(
        read_only_seconds=seconds, seconds_to_first_success=round(back, 2), health_beside_fault=health["status"]
    )
    findings.must("health_tells", health["status"] == "unhealthy", f"/health said {health['status']}")
    findings.must("comes_back", back < _MAX_SECONDS, f"it took {back:.1f} s until a payment was recorded")
    return began


SCENARIOS = {
    "read-only-writer": Scenario("a server that takes no writes, and a pool that clings to one", _run, alone=True),
}
