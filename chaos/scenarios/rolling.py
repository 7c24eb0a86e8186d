"""SIGTERM of every service in turn, under load: M-Pesa must see nothing of it."""

import time

from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_RATE = 30
_SERVICES = ("billing", "router-control", "notify", "dispatcher", "gateway", "gateway-2")


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    rounds, unclean = form.pick(1, 10), []
    with stage.load(_RATE):
        for _ in range(rounds):
            for name in _SERVICES:
                stage[name].stop()
                if code := stage[name].exit_code():
                    unclean.append(f"{name} with {code}")
                stage[name].start()
                stage[name].wait_ready()
                stage.wait_until(stage.sender.doors.are_all_open)  # the load balancer has found the one that is back
                time.sleep(0.5)  # some payments go through it before the next one goes
    findings.note(restarts=rounds * len(_SERVICES))
    findings.must_be_none("unclean_ends", unclean)
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])


SCENARIOS = {
    "rolling-restart": Scenario(
        "rolling SIGTERM of every service",
        _run,
        Plan(second_gateway="both", environment={"REJESHA_GATEWAY_DRAIN_SECONDS": "1"}),
    )
}
