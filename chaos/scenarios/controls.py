"""Control runs: a bug is planted, and the same checks must catch it. They show that the harness can fail."""

import os
import signal
import threading
from functools import partial

from chaos.faults import PATIENCE, PointNotReached
from chaos.findings import Findings
from chaos.proxy import Moment, let_pass
from chaos.scenarios import stale_leases
from chaos.scenarios.repeats import send_many_times
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_NO_UNIQUE_KEYS = (
    "ALTER TABLE paybill_payments DROP INDEX `uq_paybill_payments_trans_key`",
    "ALTER TABLE ledger_transfers DROP INDEX uq_ledger_transfers_transfer_key",
)


def _kill_before_the_insert(stage: Stage, form: Form, findings: Findings) -> None:
    """Gateway and billing die at the moment at which the payment would be stored."""
    kills = form.pick(2, 5)
    for _ in range(kills):
        struck = threading.Event()
        stage.proxy.trap = partial(_kill_both, stage, struck)
        stage.background.do(stage.sender.send(stage.callbacks.full()))
        if not struck.wait(PATIENCE):
            raise PointNotReached("no payment came to be stored")
        stage.proxy.trap = let_pass
        for name in ("billing", "gateway"):
            stage[name].kill()
            stage[name].start()
            stage[name].wait_ready()
    findings.note(kills=kills)


def _kill_both(stage: Stage, struck: threading.Event, moment: Moment) -> bool:
    if moment is not Moment.INSERT:
        return False
    for name in ("gateway", "billing"):
        os.kill(stage[name].pid, signal.SIGKILL)
    struck.set()
    return True


def _repeat(stage: Stage, form: Form, findings: Findings) -> None:
    callbacks = [stage.callbacks.full() for _ in range(form.pick(5, 20))]
    for callback in callbacks:
        send_many_times(stage, callback)
    findings.note(callbacks=len(callbacks))


SCENARIOS = {
    "control-answers-first": Scenario(
        "planted: the gateway answers before the commit",
        _kill_before_the_insert,
        Plan(modules={"gateway": "chaos.planted.answers_first"}),
        caught=("acknowledged_missing",),
    ),
    "control-no-unique-key": Scenario(
        "planted: the schema has no unique keys",
        _repeat,
        Plan(second_gateway="both", alterations=_NO_UNIQUE_KEYS),
        caught=("not_applied_once",),
    ),
    "control-no-fencing": Scenario(
        "planted: billing accepts reports under old leases",
        stale_leases.run,
        Plan(
            second_gateway=stale_leases.PLAN.second_gateway,
            modules=dict(stale_leases.PLAN.modules) | {"billing": "chaos.planted.no_fencing"},
        ),
        caught=("not_reconnected_once", "failed_after_success"),
    ),
}
