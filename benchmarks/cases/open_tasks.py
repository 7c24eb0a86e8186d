"""Tasks leased a second when a million are open, beside the same when a thousand are.

Billing's own code on two schemas that hold nothing else. All tasks are due. Each lease takes a hundred while five more
are held, which it has to pass by; the oldest is then given back untried, so the number of tasks stays. Each task has
been leased before: a first time is logged, and a thousand would soon have that behind them, a million not. All but the
newest two hundred are for one router; a second pair asks what it costs to get at the others, without holding any, when
the dispatcher is busy with that router.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

import sqlalchemy as sa
from billing.locking.service import HeldRows
from billing.policy import Policy
from billing.tasks import leasing, service
from billing.tasks.leasing import LeasedTask
from billing.tasks.rules import Report, TaskFilter, TaskKind
from servicekit.engines import create_engine

from benchmarks.bench import Bench
from benchmarks.raw.setup import migrate
from benchmarks.results import Measure, Ratio

_AT_ONCE = 100
_HELD = 5
_LEASE = timedelta(seconds=30)
_FEW = 1000
_CROWDED = 1
_ELSEWHERE = 200
_COLUMNS = (
    "kind, trans_id, customer_id, router_id, payload, state, fencing_token, attempts, failures, due_time,"
    " expire_time, last_error, create_time"
)
# A task's number has two digits to the base of a thousand: the first is a.d.
_FILL = f"""
INSERT INTO tasks ({_COLUMNS})
WITH RECURSIVE digits AS (SELECT 0 AS d UNION ALL SELECT d + 1 FROM digits WHERE d < 999)
SELECT 'set_access', CONCAT('T', a.d * 1000 + b.d), 1,
       IF(a.d * 1000 + b.d < %s - {_ELSEWHERE}, {_CROWDED}, {_CROWDED} + 1 + b.d),
       '{{"username": "0000HW"}}', 'open', 1, 0, 0,
       UTC_TIMESTAMP(6) - INTERVAL 1 DAY + INTERVAL a.d * 1000 + b.d MICROSECOND,
       UTC_TIMESTAMP(6) + INTERVAL 30 DAY, '', UTC_TIMESTAMP(6)
  FROM digits a JOIN digits b WHERE a.d < %s
"""


def run(bench: Bench) -> list[Measure]:
    many = bench.extent.choose(1_000_000, 100_000)
    engines = {"a thousand": _filled(bench, "tasks_few", _FEW), "many": _filled(bench, "tasks_many", many)}
    seconds = bench.extent.seconds
    plain = bench.rounds({name: _leasing(engine, seconds, frozenset(), _HELD) for name, engine in engines.items()})
    blocked = bench.rounds({name: _leasing(engine, seconds, {_CROWDED}, 0) for name, engine in engines.items()})
    for engine in engines.values():
        engine.dispose()
    asked = [Ratio("many", "a thousand", 0.9, 0.95)]
    return [
        Measure(f"tasks leased and given back, many = {many:,}", "/s", plain, asked),
        Measure("the same behind a busy router", "/s", blocked, [Ratio("many", "a thousand")]),
    ]


def _filled(bench: Bench, schema: str, count: int) -> sa.Engine:
    bench.mysql.create(schema)
    migrate(bench.mysql.url(schema))
    bench.mysql.query(schema, _FILL, count, count // 1000)
    bench.mysql.query(schema, "ANALYZE TABLE tasks")
    assert bench.mysql.number(schema, "SELECT COUNT(*) FROM tasks") == count
    return create_engine(bench.mysql.url(schema))


def _leasing(engine: sa.Engine, seconds: float, busy: AbstractSet[int], held: int) -> Callable[[], float]:
    wanted = TaskFilter(_AT_ONCE, [TaskKind.SET_ACCESS], busy)

    def once() -> float:
        leases: deque[Sequence[LeasedTask]] = deque()
        leased, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            leases.append(leasing.lease(engine, Policy(), "benchmark", _LEASE, wanted))
            leased += len(leases[-1])
            if len(leases) > held:
                _give_back(engine, leases.popleft())
        took = time.monotonic() - began
        for tasks in leases:
            _give_back(engine, tasks)
        return leased / took

    return once


def _give_back(engine: sa.Engine, tasks: Sequence[LeasedTask]) -> None:
    service.complete(engine, Policy(), [Report(task.task_id, task.fencing_token) for task in tasks], HeldRows(engine))
