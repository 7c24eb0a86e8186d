"""SIGKILL of one process again and again, under load."""

import statistics
import time

from chaos.faults import POINTS, bring_back, kill_at, wait_for_success
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Stage

_RATE = 20


def _kill_taker(name: str) -> Scenario:
    """Of a process on the way of a payment: at the four points and at random."""

    def run(stage: Stage, form: Form, findings: Findings) -> None:
        kills, back = form.pick(10, 200), []
        with stage.load(_RATE):
            for number in range(kills):
                time.sleep(stage.dice.uniform(0.2, 1.5))  # some payments are to be acknowledged between the blows
                kill_at(stage, stage[name], POINTS[number % len(POINTS)])
                back.append(bring_back(stage, stage[name]))
        findings.note(kills=kills, points=len(POINTS), **_spread("seconds_to_first_success", back))

    return Scenario(f"SIGKILL of {name} at random and at the four points", run)


def _kill_worker(name: str) -> Scenario:
    """Of a process that carries out tasks, while calls to the slow outside world are under way."""

    def run(stage: Stage, form: Form, findings: Findings) -> None:
        kills = form.pick(6, 60)
        stage.routers.break_all("delay", seconds=0.1, commands=["/ppp/secret"])
        stage.textsms.break_it("delay", seconds=0.2)
        with stage.load(_RATE):
            for _ in range(kills):
                time.sleep(stage.dice.uniform(0.1, 0.6))
                stage[name].kill()
                stage[name].start()
                stage[name].wait_ready()
        stage.routers.heal()
        stage.textsms.heal()
        findings.note(kills=kills)

    return Scenario(f"SIGKILL of {name} in the middle of calls", run)


def _kill_mysqld(stage: Stage, form: Form, findings: Findings) -> None:
    kills, back = form.pick(3, 30), []
    with stage.load(_RATE):
        for _ in range(kills):
            time.sleep(stage.dice.uniform(0.2, 1.5))
            stage.mysqld.kill()
            began = time.monotonic()
            stage.mysqld.restart()
            back.append(wait_for_success(stage, began))
    findings.note(kills=kills, **_spread("seconds_to_first_success", back))


def _spread(name: str, seconds: list[float]) -> dict[str, float]:
    return {f"{name}_median": round(statistics.median(seconds), 2), f"{name}_max": round(max(seconds), 2)}


SCENARIOS = {
    "gateway-kills": _kill_taker("gateway"),
    "billing-kills": _kill_taker("billing"),
    "router-control-kills": _kill_worker("router-control"),
    "notify-kills": _kill_worker("notify"),
    "dispatcher-kills": _kill_worker("dispatcher"),
    "mysqld-kills": Scenario("SIGKILL of mysqld", _kill_mysqld),
}
