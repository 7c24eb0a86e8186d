"""The connection breaks between COMMIT sent and OK received: billing cannot know, and must find out."""

import threading

from chaos.faults import PATIENCE, PointNotReached
from chaos.findings import Findings
from chaos.proxy import Moment, Trap, let_pass
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Stage

_RATE = 30
# Committed and not heard of it; not committed and not heard of that either. Billing sees the same.
_MOMENTS = (Moment.COMMITTED, Moment.COMMITTED, Moment.COMMIT)


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    cuts = form.pick(15, 200)
    with stage.load(_RATE):
        for number in range(cuts):
            _cut_once(stage, _MOMENTS[number % len(_MOMENTS)])
    findings.note(cuts=cuts)


def _cut_once(stage: Stage, where: Moment) -> None:
    cut = threading.Event()
    stage.proxy.trap = _trap(where, cut)
    try:
        if not cut.wait(PATIENCE):
            raise PointNotReached(f"no transaction came to the point {where!r}")
    finally:
        stage.proxy.trap = let_pass


def _trap(where: Moment, cut: threading.Event) -> Trap:
    def strike(moment: Moment) -> bool:
        if moment != where or cut.is_set():
            return False
        cut.set()
        return True

    return strike


SCENARIOS = {"commit-cut": Scenario("connection cut between COMMIT sent and OK received", _run)}
