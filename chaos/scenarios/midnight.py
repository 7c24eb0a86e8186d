"""The paid time of many is over at once, on many routers: all are cut and nobody else, while payments go first and
whoever cuts is killed.
"""

import json
import time
from datetime import date, timedelta

import httpx

from chaos import answers
from chaos.findings import Findings
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Plan, Stage

_ROUTERS = 20
_RATE = 20
_KILLED = ("billing", "dispatcher", "router-control")


def _run(stage: Stage, form: Form, findings: Findings) -> None:
    count, samples = form.pick(400, 10_000), form.pick(150, 1_500)
    stage.pay(50, _RATE)  # warm
    normal = stage.pay(samples, _RATE)
    names = [f"X{number:05}" for number in range(count)]
    _go_online(stage, names)
    began = time.monotonic()
    _expire(stage, names)
    # The first ones are cut within half a minute, when the next sweep comes.
    stage.wait_until(lambda: _off(stage) > 0)
    first, beside = time.monotonic() - began, stage.pay(samples, _RATE)
    for name in _KILLED:
        stage[name].kill()
        stage[name].start()
        stage[name].wait_ready()
    stage.wait_until(lambda: _off(stage) == count, seconds=900)
    findings.note(
        lines=count, routers=_ROUTERS, seconds_to_first=round(first, 1), seconds_to_last=round(_last(stage), 1)
    )
    answers.compare(findings, normal, beside, answers.VERY_FEW_SAMPLES if form.quick else answers.FULL, "midnight")
    left_on = [f"{name} on router {router}" for router in range(_ROUTERS) for name in _held(stage, router, names)]
    findings.must_be_none("unpaid_but_on", left_on)
    wrong = stage.query("SELECT account_name FROM pppoe_users WHERE line_wanted = 'off' AND account_name LIKE 'CH%%'")
    findings.must_be_none("cut_though_paid", [row[0] for row in wrong])
    told = stage.query("SELECT customer_id, count(*) FROM tasks WHERE payload LIKE '%%switched_off%%' GROUP BY 1")
    findings.must_be_none("not_told_once", [str(row[0]) for row in told if row[1] != 1])
    findings.must("all_are_told", len(told) == count, f"{len(told)} of {count} were told")


def _go_online(stage: Stage, names: list[str]) -> None:
    """Each has an enabled secret on its router, and a session."""
    with httpx.Client(base_url=stage.routers.url) as routers:
        for number, name in enumerate(names):
            for path, body in (("secrets", {"name": name}), ("dial", {"name": name})):
                routers.post(f"/{path}?router={number % _ROUTERS}", content=json.dumps(body)).raise_for_status()


def _expire(stage: Stage, names: list[str]) -> None:
    """They were paid until yesterday."""
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011  # the machine's day is as good
    yesterday -= timedelta(days=1)  # whatever the day is in Nairobi
    routers = [row[0] for row in stage.query("SELECT id FROM routers ORDER BY id")]
    rows = ",".join(
        f"('{name}', '{name}', '{name}', 1000, {routers[number % _ROUTERS]}, 1, 'active', '{yesterday}',"
        f" '2547130{number:05}', 'on', 'paid', 1)"
        for number, name in enumerate(names)
    )
    with stage.engine.begin() as connection:
        # Whatever the hour is: at night those who are cut would be told in the morning.
        connection.exec_driver_sql(
            "INSERT INTO line_policies (noun, noun_id, field, value)"
            " VALUES ('isp', 1, 'quiet_from', '0'), ('isp', 1, 'quiet_until', '0')"
        )
        connection.exec_driver_sql(
            "INSERT INTO pppoe_users (full_name, account_name, username, amount, router_id, isp_id, status,"  # noqa: S608
            f" next_payment_date, phone, line_wanted, line_reason, line_version) VALUES {rows}"
        )


def _off(stage: Stage) -> int:
    ((count,),) = stage.query(
        "SELECT count(*) FROM pppoe_users WHERE account_name LIKE 'X%%' AND line_reported = 'off'"
        " AND line_reported_version = line_version"
    )
    return int(count)


def _last(stage: Stage) -> float:
    """Seconds from the first cut, as it was wanted, to the last one that a router confirmed."""
    ((seconds,),) = stage.query(
        "SELECT timestampdiff(MICROSECOND, min(create_time), max(end_time)) FROM tasks"
        " WHERE kind = 'set_access' AND trans_id LIKE 'LINE-%%'"
    )
    return int(str(seconds)) / 1e6


def _held(stage: Stage, router: int, names: list[str]) -> set[str]:
    """Who is enabled there, or has a session."""
    active = httpx.get(f"{stage.routers.url}/active?router={router}", timeout=30).raise_for_status().json()
    online = {row["name"] for row in active}
    mine = set(names[router::_ROUTERS])
    return mine & (stage.routers.enabled(router) | online)


SCENARIOS = {
    "midnight": Scenario(
        "the paid time of many is over at once, and who cuts them is killed",
        _run,
        Plan(routers=_ROUTERS, environment={"REJESHA_LINES": "manage"}),
        alone=True,
    )
}
