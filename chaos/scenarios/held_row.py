"""Somebody's transaction holds one wallet and one customer: only payments that need these rows may notice."""

import itertools
import time
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from servicekit.database_errors import worth_repeating

from chaos import answers
from chaos.callbacks import OTHER_ISP, Callback
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.sender import Attempt
from chaos.stage import Stage

_RATE = 25
_HELD_CUSTOMER = 0
# Of ten payments one goes to the ISP whose wallet is held.
_ONE_IN = 10
# Who needs a held row is answered before the gateway gives billing up, in seconds: it is told, and does not wait.
_MAX_SECONDS = 4.0
# Of the others: our own transactions hold a customer, too, and on a busy machine for longer than anybody waits for it.
_MAX_SPOOLED = 0.01


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    normal_seconds, held_seconds = form.pick(6, 45), form.pick(8, 45)
    with stage.load(_RATE, _stream(stage)):
        stage.wait_until(lambda: len(stage.sender.attempts) > 2 * _RATE)  # warm: every connection is made
        normal = _attempts_within(stage, normal_seconds)
        with stage.engine.connect() as holder:
            _hold(stage, holder)
            beside = _attempts_within(stage, held_seconds)
            health = stage.health()
            holder.rollback()
        released = time.monotonic()
        stage.wait_until(lambda: not _unrecorded(stage, beside))
        findings.note(held_seconds=held_seconds, seconds_to_last_recorded=round(time.monotonic() - released, 1))
    _judge(stage, form, findings, normal, beside)
    findings.note(health_beside_fault=health["status"], deferred_beside_fault=health["spool"].get("deferred"))
    findings.must("health_tells", health["status"] != "healthy", "/health said healthy while payments were deferred")
    findings.must("health_says_why", bool(health["spool"].get("deferred")), "/health did not count what is deferred")


def _stream(stage: Stage) -> Iterator[Callback]:
    mixed = stage.callbacks.mixed()
    for number in itertools.count():
        yield stage.callbacks.to_other_isp() if number % _ONE_IN == 0 else next(mixed)


def _hold(stage: Stage, holder: sa.Connection) -> None:
    """Take the rows, and begin again where MySQL chose us to end a deadlock with a batch."""
    while True:
        try:
            _take(stage, holder)
        except sa.exc.OperationalError as error:
            if not worth_repeating(error):
                raise
            holder.rollback()
        else:
            return


def _take(stage: Stage, holder: sa.Connection) -> None:
    account = stage.customers[_HELD_CUSTOMER].account
    customer = holder.exec_driver_sql(f"SELECT id FROM pppoe_users WHERE account_name = '{account}'").scalar_one()  # noqa: S608
    holder.exec_driver_sql(f"SELECT * FROM pppoe_users WHERE id = {customer} FOR UPDATE")  # noqa: S608
    isp = holder.exec_driver_sql(f"SELECT id FROM isps WHERE pay_account_number = '{OTHER_ISP}'").scalar_one()  # noqa: S608
    holder.exec_driver_sql(f"UPDATE isp_wallet SET balance = balance + 1 WHERE isp_id = {isp}")  # noqa: S608


def _attempts_within(stage: Stage, seconds: float) -> list[Attempt]:
    """Those that are sent in the time to come, and answered."""
    began = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    sent = [attempt for attempt in stage.sender.attempts if began <= attempt.sent_at < ended]
    stage.wait_until(lambda: all(attempt.answered_at for attempt in sent))
    return sent


def _needs_held(stage: Stage, attempt: Attempt) -> bool:
    return attempt.callback.reference in {OTHER_ISP, stage.customers[_HELD_CUSTOMER].account}


def _unrecorded(stage: Stage, attempts: Sequence[Attempt]) -> set[str]:
    recorded = {row[0] for row in stage.query("SELECT TransID FROM paybill_payments")}
    return {attempt.callback.trans_id for attempt in attempts} - recorded


def _judge(stage: Stage, form: Form, findings: Findings, normal: Sequence[Attempt], beside: Sequence[Attempt]) -> None:
    waiting = [attempt for attempt in beside if _needs_held(stage, attempt)]
    others = [attempt for attempt in beside if attempt not in waiting]
    answers.compare(
        findings,
        [a for a in normal if not _needs_held(stage, a)],
        others,
        answers.FEW_SAMPLES if form.quick else answers.FULL,
    )
    slow = [a for a in waiting if a.seconds > _MAX_SECONDS]
    findings.note(waiting=len(waiting), slowest_waiting=round(max(a.seconds for a in waiting), 3))
    spooled = [a.callback.trans_id for a in others if a.outcome == "spooled"]
    findings.note(others_spooled=len(spooled))
    few = len(spooled) <= max(1, _MAX_SPOOLED * len(others))
    findings.must("others_are_recorded_at_once", few, f"{len(spooled)} of {len(others)} were spooled")
    findings.must("waiting_are_spooled", any(a.outcome == "spooled" for a in waiting), "the held rows held up nobody")
    findings.must_be_none("waiting_answered_late", [f"{a.callback.trans_id} {a.seconds:.1f} s" for a in slow])


SCENARIOS = {
    "held-row": Scenario("a transaction that holds one wallet and one customer", _run, alone=True),
}
