"""Junk with the live secret fills the spool while billing is away: honest payments must not notice when it is back."""

import asyncio
import time

from chaos import answers
from chaos.faults import wait_for_success
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.sender import Attempt, post
from chaos.stage import Plan, Stage

_SECRET = "the-chaos-secret-0123456789"  # noqa: S105  # opens nothing but the stage
_RATE = 50
# Few: what their lines and messages take when billing is back is not what is looked at here.
_RATE_MEANWHILE = 5
_JUNK_RATE = 50
_JUNK_AT_ONCE = 50
_SOON = 5.0  # seconds; a loaded machine starts billing's threads slowly


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    count = form.pick(150, 1_500)
    stage.pay(50, _RATE)  # warm
    normal = stage.pay(count, _RATE)
    stage["billing"].kill()
    junk = form.pick(3_158, 8_000)
    with stage.load(_RATE_MEANWHILE):
        stage.background.do(_flood(stage, junk))
        waiting = stage.spooled() or 0
        stage["billing"].start()
        stage["billing"].wait_ready()
        began = time.monotonic()
        back = wait_for_success(stage, began)
    more = stage.background.begin(_flow(stage, junk, count * _JUNK_RATE // _RATE))
    beside = stage.pay(count, _RATE)
    junk += more.result(60)
    findings.note(junk=junk, waiting_at_most=waiting, seconds_to_first_success=round(back, 2))
    findings.must("junk_waited", waiting >= form.pick(3_000, 7_000), f"only {waiting} waited")
    findings.must("payments_go_first", back <= _SOON, f"the first payment was recorded after {back:.1f} s")
    answers.compare(findings, normal, beside, answers.VERY_FEW_SAMPLES if form.quick else answers.FULL, "junk")
    _judge_spooled(findings, beside)
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])
    stage.wait_until(lambda: not stage.spooled())
    stage.wait_until(lambda: _all_is_told(stage))
    ((kept, different),) = stage.query(
        "SELECT count(*), count(DISTINCT callback_body) FROM quarantine WHERE callback_body LIKE '[junk%%'"
    )
    findings.must("junk_is_kept_once", kept == different == junk, f"{kept} kept, {different} different, {junk} sent")


def _all_is_told(stage: Stage) -> bool:
    """The admins hear of unreadable callbacks in digests, ten minutes apart; nobody here waits for that."""
    with stage.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE tasks SET due_time = UTC_TIMESTAMP(6) WHERE state = 'open' AND due_time > UTC_TIMESTAMP(6)"
            " AND id IN (SELECT digest_id FROM notice_tallies)"
        )
        return not connection.exec_driver_sql("SELECT count(*) FROM tasks WHERE state = 'open'").scalar_one()


def _judge_spooled(findings: Findings, beside: list[Attempt]) -> None:
    spooled = sum(attempt.outcome == "spooled" for attempt in beside)
    findings.note(spooled_beside=spooled)
    # Another delivery of a payment that waits must wait as well; and on a loaded machine a call may time out.
    few = len(beside) // 10
    findings.must("recorded_directly", spooled <= few, f"{spooled} were still spooled after billing was back")


async def _flood(stage: Stage, count: int) -> None:
    """So many malformed callbacks, as fast as they are answered."""
    slots = asyncio.Semaphore(_JUNK_AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            await _send_junk(stage, number)

    await asyncio.gather(*map(one, range(count)))


async def _flow(stage: Stage, first: int, count: int) -> int:
    """So many more at an even pace; how many."""
    for number in range(first, first + count):
        await _send_junk(stage, number)
        await asyncio.sleep(1 / _JUNK_RATE)
    return count


async def _send_junk(stage: Stage, number: int) -> None:
    status, _ = await post(stage.sender.doors.ports[0], f"/callbackprocess/{_SECRET}", b"[junk %d" % number)
    assert status == 400


SCENARIOS = {
    "junk-in-spool": Scenario(
        "junk with the secret while billing is away, and after",
        _run,
        Plan(environment={"REJESHA_CALLBACK_SECRETS": _SECRET}),
        alone=True,
    )
}
