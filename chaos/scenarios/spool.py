"""MySQL is gone for long: callbacks go to the gateway's spool; and the spool's disk is full."""

import time

from chaos.faults import wait_for_success
from chaos.findings import Findings, Skipped
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_RATE = 100
_SMALL_DISK = 256 * 1024


def _mysql_gone(stage: Stage, form: Form, findings: Findings) -> None:
    _need_a_spool(stage)
    gone = form.pick(10, 180)
    with stage.load(_RATE):
        time.sleep(1)
        stage.mysqld.kill()
        began = time.monotonic()
        time.sleep(gone)
        waiting = stage.spooled()
        stage.mysqld.restart()
        stage.mysqld.wait()
        back = wait_for_success(stage, time.monotonic())
    findings.note(gone_seconds=gone, spooled_at_most=waiting, seconds_to_first_success=round(back, 2))
    during = [a for a in stage.sender.attempts if began < a.sent_at < began + gone]
    findings.note(sent_meanwhile=len(during))
    others = [a for a in stage.sender.attempts if not a.is_acknowledged]
    findings.must_be_none("other_than_200", [f"{a.callback.trans_id} {a.status} {a.fault}" for a in others])
    findings.must("spool_was_used", bool(waiting), "nothing waited in the spool")


def _disk_full(stage: Stage, form: Form, findings: Findings) -> None:
    _need_a_spool(stage)
    stage.mysqld.kill()
    with stage.load(_RATE):
        time.sleep(form.pick(12, 60))
    stage.mysqld.restart()
    stage.mysqld.wait()
    spooled = sum(attempt.outcome == "spooled" for attempt in stage.sender.attempts)
    refused = sum(attempt.status == 503 for attempt in stage.sender.attempts)
    findings.note(spooled=spooled, refused_for_want_of_room=refused)
    findings.must("spool_was_used", spooled > 0, "nothing was spooled")
    findings.must("disk_was_full", refused > 0, "the disk never was full")


def _need_a_spool(stage: Stage) -> None:
    if stage.spooled() is None:
        raise Skipped("this gateway has no spool")


SCENARIOS = {
    "mysql-gone": Scenario("MySQL gone at 100 payments/s", _mysql_gone),
    "disk-full": Scenario("disk full under the spool", _disk_full, Plan(spool_bytes=_SMALL_DISK)),
}
