"""Each callback fifty times at once, across restarts, and with a changed amount."""

from chaos.callbacks import Callback
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_TIMES = 50
_CHANGED = 3


def send_many_times(stage: Stage, callback: Callback) -> None:
    """Fifty deliveries at once, some of which contradict the others."""
    deliveries = [callback] * (_TIMES - _CHANGED)
    deliveries += [stage.callbacks.contradicting(callback) for _ in range(_CHANGED)]
    stage.dice.shuffle(deliveries)
    stage.background.do(stage.sender.burst(deliveries))


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    callbacks = [stage.callbacks.fresh() for _ in range(form.pick(8, 100))]
    for number, callback in enumerate(callbacks):
        if number % 4 == 3:
            _send_across_a_kill(stage, callback, ("billing", "gateway")[number // 4 % 2])
        else:
            send_many_times(stage, callback)
    for name in ("gateway", "billing"):
        stage[name].stop()
        stage[name].start()
        stage[name].wait_ready()
    for callback in callbacks:
        send_many_times(stage, callback)
    findings.note(callbacks=len(callbacks), times=2 * _TIMES)


def _send_across_a_kill(stage: Stage, callback: Callback, victim: str) -> None:
    sending = stage.background.begin(stage.sender.burst([callback] * _TIMES))
    stage[victim].kill()
    stage[victim].start()
    sending.result(60)
    stage[victim].wait_ready()
    send_many_times(stage, callback)


# Two gateways: the same callback then comes to billing in several calls at the same moment.
SCENARIOS = {
    "repeats": Scenario(
        "each callback 50 times at once, across restarts, and with a changed amount", _run, Plan(second_gateway="both")
    )
}
