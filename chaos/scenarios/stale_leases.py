"""A dispatcher is stopped past its leases; another takes over; then the first one wakes and reports."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

from chaos import short_lease
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

PLAN = Plan(second_gateway="dispatcher", modules={"dispatcher": "chaos.short_lease"})
_CUSTOMERS_AT_ONCE = 12
# In seconds. Of younger leases a busy machine may not have begun the calls: a dispatcher that is stopped by then has
# nothing to report on them but that they were not tried. And none may be so old that its call has ended.
_YOUNGEST_LEASE = 2.0
_CALL = 3.5


def run(stage: Stage, form: Form, findings: Findings) -> None:
    """Stop and wake the first dispatcher in the middle of calls, several times."""
    held: set[tuple[int, int]] = set()
    for _ in range(form.pick(2, 20)):
        held |= _stop_past_the_lease(stage)
    refused = _await_refusals(stage, {task_id for task_id, _ in held})
    findings.note(stale_reports=len(held), stale_refused=len(refused))
    findings.must("dispatcher_held_leases", bool(held), "the stopped dispatcher held nothing")
    findings.must_be_none("stale_not_refused", sorted({task_id for task_id, _ in held} - refused))


def _stop_past_the_lease(stage: Stage) -> set[tuple[int, int]]:
    """Tasks, with their fencing tokens, that the stopped dispatcher held and that another one has ended since."""
    dispatcher = stage["dispatcher"]
    held: set[tuple[int, int]] = set()
    while not held:
        stage.routers.break_all("delay", seconds=_CALL, commands=["/ppp/secret"])
        payers = stage.dice.sample(stage.customers, _CUSTOMERS_AT_ONCE)
        stage.background.do(stage.sender.burst(map(stage.callbacks.full, payers)))
        _until(lambda: _held_by(stage, dispatcher.pid) or not _open_lines(stage))
        dispatcher.signal(signal.SIGSTOP)
        held = _held_by(stage, dispatcher.pid)
        stage.routers.heal()
        if not held:  # the other dispatcher was faster this time
            dispatcher.signal(signal.SIGCONT)
    _until(lambda: _all_ended(stage, held))
    dispatcher.signal(signal.SIGCONT)
    return held


def _held_by(stage: Stage, pid: int) -> set[tuple[int, int]]:
    """Tasks, with their fencing tokens, that the dispatcher surely knows to be its own."""
    left = short_lease.SECONDS - _YOUNGEST_LEASE
    known = f"leased_by LIKE '%%:{pid} as %%' AND lease_expire_time <= UTC_TIMESTAMP(6) + INTERVAL {left} SECOND"
    query = f"SELECT id, fencing_token FROM tasks WHERE state = 'open' AND kind = 'set_access' AND {known}"  # noqa: S608
    return {(int(row[0]), int(row[1])) for row in stage.query(query)}


def _open_lines(stage: Stage) -> int:
    return len(stage.query("SELECT id FROM tasks WHERE state = 'open' AND kind = 'set_access'"))


def _all_ended(stage: Stage, held: set[tuple[int, int]]) -> bool:
    ids = ",".join(str(task_id) for task_id, _ in held)
    return not stage.query(f"SELECT id FROM tasks WHERE state = 'open' AND id IN ({ids})")  # noqa: S608


def _await_refusals(stage: Stage, wanted: set[int], seconds: float = 15) -> set[int]:
    """The tasks whose late reports billing has logged as refused; waits until all wanted ones are among them."""
    deadline = time.monotonic() + seconds
    while not wanted <= (refused := _refused(stage)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return refused & wanted


def _refused(stage: Stage) -> set[int]:
    found: set[int] = set()
    for line in stage["billing"].log.read_text().splitlines():
        if '"stale_reports"' in line:
            found |= set(json.loads(line)["task_ids"])
    return found


def _until(check: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the other dispatcher did not take over within {seconds:.0f} s")
        time.sleep(0.02)


SCENARIOS = {"stale-leases": Scenario("SIGSTOP of a dispatcher past its leases, then SIGCONT", run, PLAN)}
