"""The time until all who wait for one router are enabled once it is back, beside librouteros one by one by hand.

The router refuses connections while all of its customers pay; every reconnection has failed at least once when it
returns. By hand: one connection, for each name a look-up and a write. Both routers take 1 ms for every command, as
fast as the fastest real board does. Ours ends when billing's books say of each line that the router was read back.
"""

import time
from collections.abc import Callable

import librouteros
from librouteros.query import Key

from benchmarks.bench import Bench
from benchmarks.ours import PASSWORD
from benchmarks.results import Measure, Ratio

_DELAY = 0.001


def run(bench: Bench) -> list[Measure]:
    waiting = bench.ours.size.waiting
    names = [f"{number:04d}RC" for number in range(waiting)]
    values = bench.rounds({"ours": lambda: _ours(bench, names), "by hand": lambda: _by_hand(bench, names)})
    asked = [Ratio("ours", "by hand", 0.15, 0.05, lower_is_better=True)]
    return [Measure(f"until all {waiting:,} are enabled", "s", values, asked)]


def _ours(bench: Bench, names: list[str]) -> float:
    ours, router_id = bench.ours, bench.ours.router_ids[-2]
    ours.disable_on(router_id, names)
    ours.refuse(0)
    bench.pay_us(suffix="RC", connections=64, seconds=120, most=len(names))
    # Every line was tried in vain, and everybody has been told to wait.
    _until(lambda: ours.number(_TRIED, router_id) == len(names) and ours.open_work() == len(names), 600)
    ours.delay_routers(_DELAY, router=0)
    began = time.monotonic()
    _until(lambda: not ours.number(_ANY_OPEN, router_id), 300)
    took = time.monotonic() - began
    ours.delay_routers(0, router=0)
    ours.drain()
    return took


_OPEN = "FROM tasks WHERE router_id = %s AND state = 'open'"
_ANY_OPEN = f"SELECT EXISTS (SELECT 1 {_OPEN})"
_TRIED = f"SELECT COUNT(*) {_OPEN} AND failures > 0"


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds:.0f} s")
        time.sleep(0.02)


def _by_hand(bench: Bench, names: list[str]) -> float:
    bench.ours.disable_on(bench.ours.router_ids[-1], names)
    bench.ours.delay_routers(_DELAY, router=1)
    api = librouteros.connect("127.0.0.1", "rejesha", PASSWORD, port=bench.ours.returning_ports[1])
    began = time.monotonic()
    secrets = api.path("ppp", "secret")
    for name in names:
        (row,) = secrets.select(Key(".id"), Key("name")).where(Key("name") == name)
        secrets.update(**{".id": row[".id"], "disabled": False})
    took = time.monotonic() - began
    api.close()
    bench.ours.delay_routers(0, router=1)
    return took
